"""``deepmark bench --device adb`` and ``deepmark device``: the same measurement on a phone, over adb.

Data flows one way: `adb` (the connection) -> `probe` (what the phone is) -> `fitness` -> `session` (folder, lock,
settings) -> `runner` (the native programs) -> `measure` -> the document of `deepmark.benchmarks.result.document`.
"""
