#!/usr/bin/env bash
# Chats with the trained checkpoint in a real terminal (tmux) and checks the
# screen: a message, Ctrl-C during an answer, wide characters, resize, a paste
# of several lines, leaving. `make test-terminal` runs it; without tmux it does
# nothing and says so. TRANSCRIPT=FILE keeps the screens.
set -euo pipefail
cd "$(dirname "$0")/../../../.."

if ! command -v tmux >/dev/null; then
  echo "test-terminal: skipped, there is no tmux"
  exit 0
fi
export LC_ALL=C.UTF-8
work=$(mktemp -d)
tm() { tmux -L "tessera-$$" -f /dev/null "$@"; }
trap 'tm kill-server 2>/dev/null || true; rm -rf "$work"' EXIT
transcript=${TRANSCRIPT:-$work/transcript}
: >"$transcript"

screen() { tm capture-pane -p -t chat; }
step() { # what: writes the screen down
  { echo "=== $1"; screen | sed -e 's/ *$//' | cat -s; } >>"$transcript"
  echo "ok: $1"
}
die() {
  echo "FAIL: $1"
  screen
  exit 1
}
wait_for() { # pattern what: until the screen matches
  for _ in $(seq 500); do
    if screen | grep -qE -- "$1"; then return; fi
    sleep 0.02
  done
  die "waited in vain for: $2"
}
say() { tm send-keys -t chat -l -- "$1"; }
key() { tm send-keys -t chat "$@"; }
# answers is how many answers have ended on the screen and above.
answers() { tm capture-pane -p -S - -t chat | grep -c '^\[prompt:' || true; }
next_answer() { # n: until n answers have ended
  for _ in $(seq 500); do
    if [ "$(answers)" -ge "$1" ]; then return; fi
    sleep 0.02
  done
  die "no end of answer $1"
}

bin/tessera convert testdata/models/war-and-peace -o "$work/demo.tess" --type q8_0 >/dev/null 2>&1
tm new-session -d -s chat -x 80 -y 24 "env NO_COLOR=1 PS1='shell> ' bash --norc --noprofile"
wait_for 'shell>' "the shell"
say "bin/tessera run $work/demo.tess --template pkg/dialog/testdata/chatml.jinja --seed 1 --ignore-eos --context 16384 -n 24"
key Enter
wait_for '^> *$' "the prompt"
step "start"

say "Who is Prince Andrew?"
key Enter
next_answer 1
step "message"

say "/set max-tokens 0"
key Enter
say "Tell me everything."
key Enter
for _ in $(seq 1500); do
  if [ "$(screen | sed '1,/Tell me everything/d' | grep -c .)" -ge 3 ]; then break; fi
  sleep 0.01
done
tm resize-window -t chat -x 60 -y 20
sleep 0.1
key C-c
next_answer 2
wait_for 'stopped\]' "the end of the answer that was stopped"
wait_for '^> *$' "the prompt behind Ctrl-C"
step "Ctrl-C during an answer, after a resize"

say "/set max-tokens 8"
key Enter
accent=$'e\u0301' # two characters in one cell
say "日本語 und 👩‍👩‍👧 $accent!"
key Left Left Left Left
say "X"
key Home
say "語"
wait_for "^> 語日本語 und X👩‍👩‍👧 $accent!" "wide characters in the line"
step "wide characters, cursor keys"
key Enter
next_answer 3

say "This line is longer than the screen will be wide in a moment, and it stays whole."
sleep 0.3 # what is drawn while the terminal changes its size lands anywhere
tm resize-window -t chat -x 40 -y 20
sleep 0.3
say " And on."
key Left Left
say "X"
sleep 0.3
step "narrower while typing"
screen | tr -d '\n' | tr -s ' ' | grep -qE "This line is longer than the screen ?will be wide in a moment, and it stays ?whole. And oXn\." || die "the line at 40 columns"
[ "$(screen | grep -c 'This line')" = 1 ] || die "the line stands there twice"
tm resize-window -t chat -x 100 -y 24
sleep 0.3
key BSpace
sleep 0.3
step "wider while typing"
[ "$(screen | grep -c 'This line')" = 1 ] || die "the line stands there twice"
screen | grep -q "^> This line is longer.*whole. And on\.$" || die "the line at 100 columns"
key Enter
next_answer 4

printf 'first line\n  second line\nthird' | tm load-buffer -
tm paste-buffer -p -t chat
wait_for 'third' "the paste"
step "paste of three lines, not sent yet"
[ "$(answers)" = 4 ] || die "the paste was sent"
key Up Home
say ">> "
key Enter
next_answer 5
step "the paste, edited and sent"

say "/save $work/chat.json"
key Enter
wait_for 'messages in' "/save"
key C-c
wait_for 'Ctrl-C again' "the first Ctrl-C"
key C-c
wait_for 'shell> *$' "the shell again"
say "stty -a | tr ' ;' '\n\n' | grep -xE -- '-?(icanon|echo|isig|opost)' | xargs"
key Enter
wait_for '^isig icanon echo opost|^opost isig icanon echo' "a terminal as it was"
step "left by Ctrl-C twice"

check() { grep -qF -- "$1" "$work/chat.json" || { cat "$work/chat.json"; die "not in the conversation: $1"; }; }
check '"content": "Who is Prince Andrew?"'
check "\"content\": \"語日本語 und X👩‍👩‍👧 $accent!\""
check '"content": "This line is longer than the screen will be wide in a moment, and it stays whole. And on."'
check '"content": "first line\n\u003e\u003e   second line\nthird"'
echo "test-terminal: passed"
