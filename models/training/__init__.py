"""Everything between pictures and a trained network; drawn pictures stand in for DeepFashion2.

Data flows through these modules::

    pictures -> augmentation, targets -> samples -> batches -> losses -> trainer (one step) -> loop (all steps)
        several processes: ranks, batch_norm; the weights: warm_start, optimiser, train_state
    loop -> log, validation (scores on the way), stop_signals -> tables (terminal), curves (a picture)
"""
