package scheduler

import "time"

// awaited is who is about to ask for the next step.
type awaited struct {
	n     int           // sessions of the last step that have not come back
	epoch uint64        // counts what ends the wait, so that who is late knows
	grace time.Duration // how long the wait is
	until time.Time
	timer *time.Timer
	armed bool
}

// leastGrace is the time that goroutines may take to wake up and pick a token, however
// short the steps.
const leastGrace = 200 * time.Microsecond

func (w *awaited) init(late func()) {
	w.epoch, w.grace = 1, leastGrace
	w.timer = time.AfterFunc(time.Hour, late)
	w.timer.Stop()
}

// begin starts the wait behind a step that took so long.
func (w *awaited) begin(now time.Time, took time.Duration) {
	w.grace = max(leastGrace, took/8)
	w.until = now.Add(w.grace)
}

// arm makes the wait end in time.
func (w *awaited) arm() {
	if !w.armed {
		w.armed = true
		w.timer.Reset(time.Until(w.until))
	}
}

// stop ends the wait.
func (w *awaited) stop() {
	w.n = 0
	w.epoch++
	if w.armed {
		w.armed = false
		w.timer.Stop()
	}
}

// expect counts s among those who are waited for, if it was quick the last time.
func (w *awaited) expect(s *Session, now time.Time) {
	s.left = now
	if s.quick {
		s.epoch = w.epoch
		w.n++
	}
}

// came notes that s asks for a step.
func (w *awaited) came(s *Session) {
	w.forget(s)
	s.quick = s.left.IsZero() || time.Since(s.left) <= w.grace
}

// forget waits for s no longer.
func (w *awaited) forget(s *Session) {
	if s.epoch == w.epoch {
		w.n--
	}
	s.epoch = 0
}

// late ends a wait whose time is over.
func (c *Scheduler) late() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch w := &c.await; {
	case !w.armed: // stopped too late
	case time.Now().Before(w.until):
		w.timer.Reset(time.Until(w.until)) // that of an earlier wait
	default:
		w.stop()
		c.next(nil)
	}
}
