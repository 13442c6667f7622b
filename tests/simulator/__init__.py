"""A simulator of everything around `mnf` that can fail: disk, locks, clock, network, worker processes.

A scenario is a few whole `mnf` commands, one after the other or two at a time. Each runs through the program's own
`main` in a forked process whose calls to the machine pass through a `World` that counts them. The commands run once
undisturbed: that tells how many calls of each kind they make, and what must be there in the end. Then a seed draws one
step of the scenario, one to three of its calls, and what goes wrong at each: an error, a full disk, a torn write, a
kill, a loss of power, a reply that is something else. When the faults stop, the same commands run again until they are
done. What lies on the disk and what was printed must then be what the undisturbed run left.

How to run it:

    PYTHONPATH=tests python -m simulator --minutes 60                     # new seeds until the time is over
    PYTHONPATH=tests python -m simulator --minutes 60 --seed 1 --all      # from seed 1; goes on after what is wrong
    PYTHONPATH=tests python -m simulator --only sweep --seed 17           # one scenario under one seed, again
    PYTHONPATH=tests python -m simulator --only sweep --seed 17 --effect power --effect 'power after'
    PYTHONPATH=tests python -m simulator --plants                         # known bugs: which are found

`tests/simulator/test_simulator.py` is the fast tier: a fixed seed for each scenario, and a few of the known bugs.

How to read it. What went wrong is printed as it is found, with the line that replays it:

    sweep, step 3: replay with --only 'sweep' --seed 2
      mnf sweep ... : power at create 4 (s/parts/.d02591d5da9c3e18.npz.*); exit 137: 2 cells, 6 trials ...
      mnf sweep ... : nothing; exit 0: best by validation (56.7%): ...
      WRONG: s/summary.json is not there

Each `mnf` line is one process: the faults that happened (`EFFECT at KIND NUMBER`: the NUMBER-th call of that KIND, from
0), its exit code, and the last line that it told. Each `WRONG` line is something that must not be: a traceback, a
process that hangs, an exit code that the contract does not know, not exactly one line of complaint, another result,
litter, a SHA-256 that is not that of its file, finished work done again, a connection to a private address, an address
that took longer than its deadline. At the end faults are counted by kind of call and by effect.

A seed replays the same faults at the same calls as long as the program makes the same calls: a change of the program
changes what a seed means. Time is simulated, threads take turns by the seed, workers of `--jobs` and `--engine dask` do
their tasks in the client's process, and may die.

What may fail, or be where a signal or the end comes: every call to files below the working directory (open, create,
read, write, sync, close, truncate, rename, unlink, folders, times, stat, list, memory maps, locks, by path or by
descriptor), what is printed on stdout and stderr, the calendar, sleeping, a thread or a process that is to start, a
child that dies or hangs, a unit of work (also by a lack of memory), workers and the scheduler; of the network names,
connections, TLS, what is sent and what comes.

What is not simulated: a proxy, several addresses of a name, a GPU; memory that torch, Pillow or NumPy ask for; files
that other languages open (`.safetensors` given as weights, tables that pyarrow reads); pages of a map that cannot be
read later; folders outside of the working directory, as the temporary ones of `.mat` and of `gradcheck --function`; the
entries of a folder while it is listed; `os.access`, `os.kill`, `datetime.now`; what goes on inside children; signals
while a thread that downloads is at work, which Python gives to the main thread at a moment that nobody can replay;
numbers of processes that are given again. `compare --ladder` counts each submission, so that another try is another
one: it has plain tests alone.

Where to add: a scenario in `scenarios`, a page of the web in `pages`, a fault in `faults` (and in `world`, `disk`,
`web` or `pools`, whichever knows what it comes to), a known bug in `planted`.

After FoundationDB's simulation and TigerBeetle's VOPR. A crash of the machine follows Pebble's strict file system:
what was not synced may be lost, and so may the last names that were given since the last sync.
"""
