"""A simulator of everything around `mnf` that can fail: disk, locks, clock, network, processes.

Whole commands run through the program's own `main`, each in a forked process in which the calls to the machine pass
through a `World` that counts them. A first pass without faults learns how many calls there are; then one seed draws
which of them fail, and how. When the faults stop the same commands are run again, and what lies on the disk and what
was printed must be what an undisturbed run leaves. The same seed gives the same faults at the same calls, as threads
take turns by that seed, too, and time is simulated.

The fast tier runs in CI with fixed seeds. The long tier draws new ones until its time is over:

    PYTHONPATH=tests python -m simulator --minutes 60
    PYTHONPATH=tests python -m simulator --only sweep --seed 17

After FoundationDB's simulation and TigerBeetle's VOPR. A crash of the machine follows Pebble's strict file system:
what was not synced may be lost, and so may the last names that were given since the last sync.
"""
