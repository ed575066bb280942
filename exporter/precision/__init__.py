"""Smaller numbers: store weights in fewer bits, or compute in 8, and tell what that costs before anybody ships it.

How data flows: the proven fp32 model -> ``mnn_convert`` (fp16, w8) or ``calibrate`` -> ``quantise`` (int8) -> ``loss``
(what is decoded, beside fp32) and, if asked for, ``map_drop`` -> accepted or refused. ``formats`` is the table of
precisions, ``sensitivity`` the cost of every single layer.
"""
