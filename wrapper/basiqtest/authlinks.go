package basiqtest

type authLink struct{}

// authLinkURL is what the links of a user have for its auth link: nil when there is none.
func (u *user) authLinkURL(*view) any { return nil }

func (s *Sandbox) getAuthLink(c *call) (answer, error) { return answer{}, notPlayed(c.route.operation) }

func (s *Sandbox) postAuthLink(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}

func (s *Sandbox) deleteAuthLink(c *call) (answer, error) {
	return answer{}, notPlayed(c.route.operation)
}
