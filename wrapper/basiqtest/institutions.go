package basiqtest

func (s *Sandbox) getInstitutions(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getInstitution(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getPublicInstitutions(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
