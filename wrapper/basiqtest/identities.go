package basiqtest

func (s *Sandbox) getUserIdentities(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getUserIdentity(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
