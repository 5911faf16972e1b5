package basiqtest

func (s *Sandbox) postExpenses(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getExpenses(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }
