package basiqtest

type report struct{}

func (s *Sandbox) listReports(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

func (s *Sandbox) createReport(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) retrieveReport(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) deleteReport(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) retrieveReportTransactions(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) listReportTypes(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) retrieveSpecificReportType(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
