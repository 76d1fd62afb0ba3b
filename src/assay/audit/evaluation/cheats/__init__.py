"""The scripted cheats of the labelled set, a module or two for each family of spec 15.

Each is what the sources of that spec report, acted out on the tasks of the set. The sandbox and the graders are real.
"""
