package basiqtest

import "net/http"

// object is a JSON object in a response. The generated types omit empty and null fields, because they are made for
// decoding. Basiq sends such fields, and a client must handle them.
type object map[string]any

// A failure is an error response.
type failure struct {
	status int
	code   string
	title  string
	detail string  // omitted if empty, unless blank is true
	blank  bool    // send an empty detail
	source *object // omitted if nil, null if it points to a nil object
	text   string  // sent as plain text instead of the envelope
}

// Error returns the code and title. It contains no request data.
func (f *failure) Error() string { return f.code + ": " + f.title }

// envelope returns the documented body of an error response.
func (f *failure) envelope(correlationID string) object {
	item := object{"type": "error", "code": f.code, "title": f.title}
	if f.detail != "" || f.blank {
		item["detail"] = f.detail
	}
	if f.source != nil {
		item["source"] = *f.source
	}
	return object{"type": "list", "correlationId": correlationID, "data": []object{item}}
}

// nullSource returns a source that is encoded as null. The documentation has null in errors that do not concern a part
// of the request.
func nullSource() *object { return new(object) }

func fromParameter(name string) *object { return &object{"parameter": name} }

func fromPointer(name, pointer string) *object { return &object{"parameter": name, "pointer": pointer} }

// 400

func notSupplied(detail string, source *object) *failure {
	return &failure{
		status: http.StatusBadRequest, code: "parameter-not-supplied", title: "Required parameter not supplied",
		detail: detail, source: source,
	}
}

func notValid(detail string, source *object) *failure {
	return &failure{
		status: http.StatusBadRequest, code: "parameter-not-valid", title: "Parameter value is not valid",
		detail: detail, source: source,
	}
}

func headerNotValid(name, detail string) *failure {
	return &failure{
		status: http.StatusBadRequest, code: "parameter-not-valid", title: "Required parameter not valid",
		detail: detail, source: fromPointer(name, "header/"+name),
	}
}

func badFilter() *failure {
	return notValid("The provided filter parameter is in invalid format or unsupported", fromParameter("filter"))
}

func notWeb() *failure { return notValid("Connection type is not Web", fromParameter("connectionId")) }

// connectionUnknown is the error for a filter by a connection of another user.
func connectionUnknown() *failure {
	return notValid("Requested connection does not exist.", fromParameter("filter"))
}

func noActiveConsent() *failure {
	return notValid("The user has no active consent.", fromParameter("userId"))
}

func invalidContent(noun string) *failure {
	return &failure{
		status: http.StatusBadRequest, code: "invalid-content", title: "Invalid content",
		detail: "Posted " + noun + " is not in valid format.",
	}
}

func unsupportedAccept() *failure {
	return &failure{
		status: http.StatusBadRequest, code: "unsupported-accept", title: "Unsupported accept type",
		detail: "Accept type is not supported",
	}
}

func invalidCredentials() *failure {
	return &failure{
		status: http.StatusBadRequest, code: wrongCredentials.code, title: wrongCredentials.title,
		detail: wrongCredentials.detail,
	}
}

// 401

// invalidToken has no detail, as recorded.
func invalidToken() *failure {
	return &failure{
		status: http.StatusUnauthorized, code: "invalid-authorization-token", title: "Invalid authorization token.",
	}
}

func unauthorizedAccess() *failure {
	return &failure{
		status: http.StatusUnauthorized, code: "unauthorized-access", title: "Unauthorized Access",
		detail: "You are not authorized to access this resource",
	}
}

// 403

func tokenExpired() *failure {
	return &failure{
		status: http.StatusForbidden, code: "access-denied", title: "Access denied.", detail: "Token has expired",
		source: nullSource(),
	}
}

// accessDenied is the error for listing the consents of a user who has none.
func accessDenied() *failure {
	return &failure{status: http.StatusForbidden, code: "access-denied", title: "Access denied.", blank: true, source: nullSource()}
}

func forbiddenAccess() *failure {
	return &failure{
		status: http.StatusForbidden, code: "forbidden-access", title: "Forbidden Access",
		detail: "Access to this resource is forbidden", source: nullSource(),
	}
}

func tooManyConnections() *failure {
	return &failure{
		status: http.StatusForbidden, code: "too-many-sandbox-connections", title: "Too many sandbox connections",
		detail: "Limit reached for sandbox connections.", source: nullSource(),
	}
}

// invalidRequest is the response of the API gateway to an invalid path.
func invalidRequest() *failure {
	return &failure{
		status: http.StatusForbidden, code: "request-not-valid", title: "Invalid request", detail: "Invalid request",
		source: nullSource(),
	}
}

// missingToken is also a response of the API gateway.
func missingToken() *failure {
	return &failure{
		status: http.StatusForbidden, code: "request-not-valid", title: "Missing Authentication Token",
		detail: "Missing Authentication Token", source: nullSource(),
	}
}

// 404 and 405

func notFound(detail string) *failure {
	return &failure{
		status: http.StatusNotFound, code: "resource-not-found", title: "Requested resource is not found", detail: detail,
	}
}

func userNotFound() *failure { return notFound("Requested user does not exist.") }

func resourceNotFound() *failure { return notFound("Requested resource is not found") }

// unknownKey really has status 404. Basiq responds to an invalid API key with 404.
func unknownKey() *failure {
	return &failure{
		status: http.StatusNotFound, code: "parameter-not-valid", title: "We have encountered an error",
		detail: "Unable to authenticate. Please, check your API key",
	}
}

// wrongVersion is the documented plain-text response for a token of another API version.
func wrongVersion() *failure {
	return &failure{status: http.StatusNotFound, text: "Route not found for this API version."}
}

func methodNotAllowed() *failure {
	return &failure{
		status: http.StatusMethodNotAllowed, code: "method-not-allowed", title: "Method not allowed",
		detail: "Requested method is not allowed.",
	}
}

// 410

// resourceGone is the error for a resource that has ended. The detail is not documented.
func resourceGone() *failure {
	return &failure{
		status: http.StatusGone, code: "resource-no-longer-available", title: "Resource no longer available",
		detail: "Requested resource has expired or been revoked.",
	}
}

// 429

func tooManyRequests(detail string) *failure {
	return &failure{
		status: http.StatusTooManyRequests, code: "too-many-requests", title: "Too many requests", detail: detail,
	}
}

// 413 and 415

func requestTooLong() *failure {
	return &failure{
		status: http.StatusRequestEntityTooLarge, code: "request-not-valid", title: "Request Too Long", detail: "Request Too Long",
	}
}

func unsupportedContentType() *failure {
	return &failure{
		status: http.StatusUnsupportedMediaType, code: "unsupported-content-type", title: "Unsupported content type",
		detail: "Content type is not supported on requested endpoint.",
	}
}
