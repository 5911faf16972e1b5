package basiqtest

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/basiq-go/basiq-go/gen"
)

// insightType is an insight type that createInsight accepts. The names, descriptions and schemas are not documented.
type insightType struct {
	id                gen.InsightTypeID
	kind              gen.InsightKind // "" if the results are not documented
	name, description string
	manyUsers         bool
	schema            object
	// read reads the data of a request. It is nil if the results are not documented.
	read func(*Sandbox, []byte) (verification, error)
}

// insightTypes returns the types in the order of the document.
func insightTypes() []insightType {
	text := object{"type": "string"}
	limits := object{"type": "object", "properties": object{"min": text, "max": text}, "required": []string{"min"}}
	schema := func(required []string, properties object) object {
		return object{"type": "object", "properties": properties, "required": required}
	}
	return []insightType{
		{
			gen.InsightTypeIDExpenseRatio, "", "Expense ratio", "Compares an expense with the income of one or several users.", true,
			schema([]string{"expense"}, object{"expense": text}), nil,
		},
		{
			gen.InsightTypeIDBalance, gen.InsightKindBalance, "Balance", "Reports whether the balance of each account is in a range.", false,
			schema([]string{"balance"}, object{"balance": limits}), (*Sandbox).readBalanceVerification,
		},
		{
			gen.InsightTypeIDAccount, gen.InsightKindAccount, "Account", "Compares an account number and type with each account.", false,
			schema([]string{"accountNumber"}, object{"accountNumber": text, "accountType": text}), (*Sandbox).readAccountVerification,
		},
		{
			gen.InsightTypeIDIdentity, gen.InsightKindIdentity, "Identity", "Compares a name, a phone number, an email address and a postal address with the user's identities.", false,
			schema([]string{}, object{"name": text, "phone": text, "email": text, "address": text}), (*Sandbox).readIdentityVerification,
		},
		{
			gen.InsightTypeIDIncome, "", "Income", "Reports whether the income is in a range.", false,
			schema([]string{"income"}, object{"income": limits}), nil,
		},
	}
}

func (t *insightType) show() object {
	return object{
		"type": "insightType", "id": t.id, "name": t.name, "description": t.description,
		"supportMultipleUsers": t.manyUsers, "dataSchema": t.schema,
	}
}

func (s *Sandbox) getInsightTypes(c *call) (response, error) {
	types := insightTypes()
	data := make([]object, 0, len(types))
	for _, t := range types {
		data = append(data, t.show())
	}
	return response{http.StatusOK, object{
		"type": "list", "count": len(data), "size": len(data), "data": data, "links": c.selfLinks("/insights/types"),
	}}, nil
}

func (s *Sandbox) getInsightType(c *call) (response, error) {
	for _, t := range insightTypes() {
		if string(t.id) == c.http.PathValue("typeId") {
			return response{http.StatusOK, t.show()}, nil
		}
	}
	return response{}, resourceNotFound()
}

// maxInsightUsers is the documented limit.
const maxInsightUsers = 10

// createInsight creates an insight. If the results of its type are not documented, it does not have any.
func (s *Sandbox) createInsight(c *call) (response, error) {
	var request struct {
		Users []string
		Type  gen.InsightTypeID
		Data  json.RawMessage
	}
	if err := c.decode(&request); err != nil {
		return response{}, err
	}
	types := insightTypes()
	i := slices.IndexFunc(types, func(t insightType) bool { return t.id == request.Type })
	if i < 0 {
		return response{}, notValid("Insight type is not valid.", fromPointer("type", "type"))
	}
	kind := &types[i]
	many := 1
	if kind.manyUsers {
		many = maxInsightUsers
	}
	if len(request.Users) == 0 || len(request.Users) > many {
		return response{}, notValid("The number of users is not valid.", fromPointer("users", "users"))
	}
	for _, id := range request.Users {
		if s.users[id] == nil {
			return response{}, userNotFound()
		}
	}
	var fields map[string]json.RawMessage
	if unmarshalBody(request.Data, &fields) != nil {
		return response{}, invalidContent(c.route.body)
	}
	first := s.users[request.Users[0]]
	results := []object{}
	if kind.read != nil {
		compute, err := kind.read(s, request.Data)
		if err != nil {
			return response{}, err
		}
		results = compute(first, c.now)
	}
	return response{http.StatusOK, s.keepInsight(first, kind.kind, results, c.now).show(&c.view)}, nil
}
