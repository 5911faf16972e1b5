package basiqtest

func (s *Sandbox) getEnrich(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }
