package basiqtest

func (s *Sandbox) getTransactions(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getTransaction(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
