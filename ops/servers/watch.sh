#!/usr/bin/env bash
# watch.sh GRACE_S PROGRAM ARGUMENTS...: runs a server and ends it when standard input closes.
#
# Why a process of its own: the parent holds the other end of the pipe, and the kernel closes it
# however the parent dies, kill -9 included. That works on every Unix, has no race between fork
# and "tell me when my parent dies" (as prctl has), and leaves no server behind. Closing the pipe
# is also how the parent stops a server, so the path taken after a crash is the one always taken.
#
# It leads its own session, so Ctrl-C in the terminal does not reach the server: the order in which
# servers stop stays the parent's decision.
set -u
grace_s="$1"
shift

# The server must not inherit the pipe, or it would see the parent's commands as input.
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!

(
  # `read` is a builtin: no helper process that could be left behind while it waits.
  while read -r -u 3 _; do :; done
  kill -TERM "$server" 2>/dev/null
  for ((waited = 0; waited < grace_s; waited++)); do
    sleep 1
    kill -0 "$server" 2>/dev/null || exit 0
  done
  kill -KILL "$server" 2>/dev/null
) &

trap '' TERM INT HUP
wait "$server"
status=$?
# Whatever is left of this session (the reader above, children of the server) goes too.
kill -TERM 0
exit "$status"
