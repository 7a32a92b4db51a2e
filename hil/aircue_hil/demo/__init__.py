"""The demo: the processes a user would run, on one computer, with simulated sensors; and the account of what happened.

plan.py       who lives where, what is measured, which files each program gets
programs.py   the real programs as processes: start, kill, stop
cloud.py      the cloud as its users see it, over HTTP
story.py      what is printed while it runs
next_door.py  damp bathrooms of other homes: who is offered something, who is left alone, and why
reckoning.py  the witness's rows against the cloud's: the figures at the end
run.py        the wiring
"""
