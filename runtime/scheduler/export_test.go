package scheduler

import "github.com/tessera-llm/tessera/runtime"

// Inner is the session behind s.
func Inner(s *Session) *runtime.Session { return s.rs }

// Waiting is the number of sessions that wait.
func (c *Scheduler) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.border) + len(c.decode) + len(c.prompts)
}

// Closed says whether Close has ended what waits.
func (c *Scheduler) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
