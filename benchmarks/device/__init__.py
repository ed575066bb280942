"""``deepmark bench --device adb`` and ``deepmark device``: the same measurement on a phone, over adb.

Data flows one way: `adb` (the connection, bounded and cleaned by `bounded_process`; `listed_phones` are its choice) ->
`probe` (what the phone is and how it is; `readings` is what its answers mean) -> `remote_folder` (our folder there, and
the settings that are put back) -> `programs` and `events` (the native programs and what they print; `watchdog` keeps
their time) -> `rounds` (who runs when) -> `benchmark` (one call for all of it) -> the result document,
`deepmark.benchmarks.result`. `connected_phones` lists phones, and lends one to one measurement at a time.
"""
