"""The page and the JSON API of `aign console`: a server on this machine alone, and one worker that keeps models warm.

A request goes through `guard` (who may ask), `routes` (what can be asked; `forms` and `replies` are its types), `jobs`
(the one queue) and `process` (the pipe) to `worker`, which answers it with `tasks`. The server never loads torch.
"""
