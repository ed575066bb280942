"""Smaller numbers: store weights in fewer bits, or compute in 8, and tell what that costs before anybody ships it.

How data flows: the proven fp32 model -> ``convert_to_mnn`` (fp16, w8) or ``calibration`` -> ``quantisation``
(int8) -> ``loss`` (what is decoded, beside fp32, and mAP on drawings if its loss is bounded) -> accepted or refused.
``sensitivity`` is the cost of every single layer.
"""
