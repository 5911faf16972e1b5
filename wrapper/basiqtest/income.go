package basiqtest

func (s *Sandbox) postIncome(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

func (s *Sandbox) getIncome(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }
