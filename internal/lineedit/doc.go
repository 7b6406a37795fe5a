// Package lineedit reads lines from a terminal with editing: cursor keys, word
// and line commands of Emacs, history, several lines in one text, bracketed
// paste, wide and combining characters, resize.
//
// Terminal owns raw mode and the bytes typed: a goroutine reads them, so that
// Ctrl-C can end a computation (Interruptible) and what is typed meanwhile
// waits for the next line. Editor holds history and reads one text after the
// other.
//
// Invariants:
//   - the cursor is where the terminal thinks it is: the text before it is
//     written again instead of counting columns, because terminals disagree
//     about the width of joined emoji;
//   - lines are broken by us, at the width that the widest terminal would need,
//     so that no terminal wraps one;
//   - control characters of a text are shown as ^X and never sent;
//   - bytes that are not UTF-8 become U+FFFD.
//
// Enter ends the text, unless it ends in a backslash or an opening """ is not
// closed; Alt-Enter always begins a new line.
//
// Start at Editor.ReadLine; key.go decodes bytes, buffer.go edits, view.go
// draws.
package lineedit
