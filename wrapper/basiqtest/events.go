package basiqtest

import (
	"time"

	"github.com/basiq-go/basiq-go/gen"
)

type event struct{}

func (s *Sandbox) emitUser(*user, gen.EventAction, time.Time) {}

func (s *Sandbox) emitConnection(*connection, gen.EventAction, time.Time) {}

// noteProgress has events tell what has become of a job since j.noted.
func (s *Sandbox) noteProgress(*job, progress, time.Time) {}

func (s *Sandbox) getEvents(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

func (s *Sandbox) getEvent(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

func (s *Sandbox) listEventTypes(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getEventTypeByID(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
