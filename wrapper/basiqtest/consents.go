package basiqtest

type consent struct{}

func (s *Sandbox) getConsents(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

func (s *Sandbox) deleteConsent(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
