package basiqtest

func (s *Sandbox) createStatement(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
