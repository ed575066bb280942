"""How fast and how large models are on this computer: ``deepmark bench``.

How data flows: ``contestants`` (what is measured) -> ``rounds`` (who runs when) -> ``child`` (a process a contestant,
which runs ``frames`` or ``rivals``) -> ``results`` (every sample, in one document) -> ``statistics`` and ``verdict`` ->
``tables``, ``page``, ``csv_file``, ``diff`` and ``guard``.
"""
