package jinja

import (
	"fmt"
	"strings"
	"time"
)

// strftime formats the clock of the rendering as C's strftime does in the C locale, with glibc's flags
// (- no padding, _ spaces, 0 zeros, ^ upper case, # other case) and widths. Unknown conversions stay as they are.
func strftime(st *state, format string) (string, error) {
	if err := st.alloc(int64(len(format)) * 16); err != nil {
		return "", err
	}
	t := st.now()
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		start := i
		i++
		var flags string
		for i < len(format) && strings.IndexByte("-_0^#", format[i]) >= 0 {
			flags += format[i : i+1]
			i++
		}
		width := 0
		for i < len(format) && isDigit(format[i]) && width < 1000 {
			width = width*10 + int(format[i]-'0')
			i++
		}
		if width >= 1000 {
			return "", errf(KindLimit, "strftime width %d", width)
		}
		for i < len(format) && (format[i] == 'E' || format[i] == 'O') {
			i++
		}
		if i >= len(format) {
			b.WriteString(format[start:])
			break
		}
		text, pad, n, ok := timeField(t, format[i])
		if !ok {
			b.WriteString(format[start : i+1])
			continue
		}
		if err := st.alloc(int64(width)); err != nil {
			return "", err
		}
		b.WriteString(flagged(text, pad, n, flags, width, format[i]))
	}
	return b.String(), nil
}

// flagged applies flags and width to a field of normal width n padded with pad.
func flagged(text string, pad byte, n int, flags string, width int, verb byte) string {
	if width > 0 {
		n = width
	}
	if pad == 0 {
		pad = ' '
	}
	for _, f := range flags {
		switch f {
		case '-':
			n = 0
		case '_':
			pad = ' '
		case '0':
			pad = '0'
		case '^':
			text = strings.ToUpper(text)
		case '#':
			if verb == 'p' || verb == 'Z' {
				text = strings.ToLower(text)
			} else {
				text = strings.ToUpper(text)
			}
		}
	}
	if len(text) < n {
		text = strings.Repeat(string(pad), n-len(text)) + text
	}
	return text
}

// timeField is one conversion: its text without padding, its padding character and width.
func timeField(t time.Time, verb byte) (text string, pad byte, width int, ok bool) {
	num := func(n, width int) (string, byte, int, bool) { return fmt.Sprint(n), '0', width, true }
	str := func(s string) (string, byte, int, bool) { return s, 0, 0, true }
	hour12 := (t.Hour()+11)%12 + 1
	isoYear, isoWeek := t.ISOWeek()
	switch verb {
	case 'a':
		return str(t.Weekday().String()[:3])
	case 'A':
		return str(t.Weekday().String())
	case 'b', 'h':
		return str(t.Month().String()[:3])
	case 'B':
		return str(t.Month().String())
	case 'c':
		return str(t.Format("Mon Jan _2 15:04:05 2006"))
	case 'C':
		return num(t.Year()/100, 2)
	case 'd':
		return num(t.Day(), 2)
	case 'D', 'x':
		return str(t.Format("01/02/06"))
	case 'e':
		return fmt.Sprint(t.Day()), ' ', 2, true
	case 'f':
		return str(fmt.Sprintf("%06d", t.Nanosecond()/1000))
	case 'F':
		return str(t.Format("2006-01-02"))
	case 'g':
		return num(isoYear%100, 2)
	case 'G':
		return num(isoYear, 4)
	case 'H':
		return num(t.Hour(), 2)
	case 'I':
		return num(hour12, 2)
	case 'j':
		return num(t.YearDay(), 3)
	case 'k':
		return fmt.Sprint(t.Hour()), ' ', 2, true
	case 'l':
		return fmt.Sprint(hour12), ' ', 2, true
	case 'm':
		return num(int(t.Month()), 2)
	case 'M':
		return num(t.Minute(), 2)
	case 'n':
		return str("\n")
	case 'p':
		return str(t.Format("PM"))
	case 'P':
		return str(t.Format("pm"))
	case 'r':
		return str(t.Format("03:04:05 PM"))
	case 'R':
		return str(t.Format("15:04"))
	case 's':
		return str(fmt.Sprint(t.Unix()))
	case 'S':
		return num(t.Second(), 2)
	case 't':
		return str("\t")
	case 'T', 'X':
		return str(t.Format("15:04:05"))
	case 'u':
		return num((int(t.Weekday())+6)%7+1, 1)
	case 'U':
		return num((t.YearDay()+6-int(t.Weekday()))/7, 2)
	case 'V':
		return num(isoWeek, 2)
	case 'w':
		return num(int(t.Weekday()), 1)
	case 'W':
		return num((t.YearDay()+6-(int(t.Weekday())+6)%7)/7, 2)
	case 'y':
		return num(t.Year()%100, 2)
	case 'Y':
		return num(t.Year(), 1)
	case 'z', 'Z': // the clock of strftime_now has no zone
		return str("")
	case '%':
		return str("%")
	}
	return "", 0, 0, false
}
