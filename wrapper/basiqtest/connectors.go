package basiqtest

func (s *Sandbox) getConnectors(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getConnector(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getPublicConnectors(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getPublicConnector(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
