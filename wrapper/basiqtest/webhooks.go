package basiqtest

type webhook struct{}

func (s *Sandbox) listAppWebhooks(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) addWebhook(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

func (s *Sandbox) getWebhook(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

func (s *Sandbox) updateWebhook(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) deleteWebhook(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) listMessages(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) getWebhookMessage(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) testMessage(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }
