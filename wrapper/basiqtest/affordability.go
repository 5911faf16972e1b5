package basiqtest

type snapshot struct{}

func (s *Sandbox) getAffordabilityList(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) postAffordability(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getAffordability(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getAffordabilitySnapshotTransactions(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
