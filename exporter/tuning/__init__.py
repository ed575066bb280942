"""The search for the decoder's parameters on the heads of an exported model.

How data flows: heads of labelled pictures -> ``staged_picture``, decoded as far as no parameter matters ->
``staged_set`` (scores, ``suppression``) -> ``judge`` -> average precision. ``worker_pool`` spreads that over processes,
each with a ``shard``; ``scorer`` asks them for ``sweeps``. ``parameter_search`` is the whole search; what it gained on
other pictures says `deepmark.models.evaluation.gains`. ``bundle_parameters`` stores what was found; ``model_tuning`` is
all of it for one model and one data set.
"""
