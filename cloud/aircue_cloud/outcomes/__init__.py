"""What a push changed: who is held out, what followed, and how sure one may be of the difference."""
