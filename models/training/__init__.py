"""Everything between pictures and a trained network; drawn pictures stand in for DeepFashion2.

Data flows through these modules::

    config -> run -> pictures -> batch_plan (which, when, how large; by chance) -> samples (seen as augmentation says,
        with targets) -> batches -> losses
        -> trainer (one step: optimiser, several processes by ranks and batch_norm) -> loop (all steps)
        -> train_state (checkpoints), log, validation, tables (terminal), curves (a picture)
    other ways in and out: warm_start, stop_signals
"""
