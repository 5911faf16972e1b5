package basiq

import (
	"context"
	"fmt"
	"iter"

	"github.com/basiq-go/basiq-go/gen"
)

type (
	// Insight is the result of verifying claims about a user against the data of the institutions.
	Insight = gen.Insight
	// InsightData is a result of an insight. Its fields depend on the InsightType of the insight.
	InsightData = gen.InsightData
	// InsightMatch is the result of comparing a value. If the value could not be verified, Match is nil and Error holds the
	// reason. Confidence is between 0 and 1.
	InsightMatch = gen.InsightMatch
	// InsightKind is the subject of an insight.
	InsightKind = gen.InsightKind
	// VerifyAccount is an account to verify. The AccountType is optional.
	VerifyAccount = gen.VerifyAccount
	// VerifyIdentity is an identity to verify. Empty fields are not verified.
	VerifyIdentity = gen.VerifyIdentity
	// BalanceRange is a range of balances in the currency of the account, including both limits. Max is optional.
	BalanceRange = gen.BalanceRange
	// CreateInsight is the argument of [InsightsService.Create]. Preview, outside the stability promise.
	CreateInsight = gen.CreateInsight
	// InsightType is an insight type. Preview, outside the stability promise.
	InsightType = gen.InsightType
	// InsightTypeID is the ID of an insight type. Preview, outside the stability promise.
	InsightTypeID = gen.InsightTypeID
)

// The subjects of insights.
const (
	InsightKindAccount  = gen.InsightKindAccount
	InsightKindBalance  = gen.InsightKindBalance
	InsightKindIdentity = gen.InsightKindIdentity
)

// The insight types. Preview, outside the stability promise.
const (
	InsightTypeIDAccount  = gen.InsightTypeIDAccount
	InsightTypeIDBalance  = gen.InsightTypeIDBalance
	InsightTypeIDIdentity = gen.InsightTypeIDIdentity
	InsightTypeIDIncome   = gen.InsightTypeIDIncome
	// InsightTypeIDExpenseRatio is the only type that accepts more than one user.
	InsightTypeIDExpenseRatio = gen.InsightTypeIDExpenseRatio
)

// BalanceMatch returns the result of a balance insight about one account. Basiq renamed its field in May 2026:
// BalanceMatch returns the Balance, or the AccountNumber of an older insight. The result is zero if data is not from a
// balance insight.
func BalanceMatch(data *InsightData) InsightMatch {
	if data.Balance.Input.IsZero() && data.AccountNumber.Input.Object != nil {
		return data.AccountNumber
	}
	return data.Balance
}

// InsightFields are the fields that [InsightsService.List] can filter by.
var InsightFields = insightFields{
	Created: DateField[Insight, Date]{name: "created"},
	Kind:    EqualField[Insight, InsightKind]{name: "insightType"},
}

type insightFields struct {
	Created DateField[Insight, Date]
	// Kind is the InsightType of an insight.
	Kind EqualField[Insight, InsightKind]
}

// InsightsService verifies claims about a user against the data of the institutions. It requires [APIVersion30]. Each
// verification computes and stores a new insight, so it is not retried if it may have succeeded; see [MayHaveSucceeded].
type InsightsService struct{ client *Client }

// List returns the user's insights that the options select; see [InsightListOptions]. Errors: [CodeInvalidContent] if Basiq
// rejects a filter. operationId: listUserInsights.
func (s *InsightsService) List(ctx context.Context, userID string, options ...InsightListOptions) iter.Seq2[*Insight, error] {
	return s.collection(userID, options).all(ctx)
}

// Page returns one page of [InsightsService.List], with at most 20 insights; see [TransactionsService.Page]. operationId: listUserInsights.
func (s *InsightsService) Page(ctx context.Context, userID string, at Cursor, options ...InsightListOptions) (*Page[Insight], error) {
	return s.collection(userID, options).one(ctx, at)
}

func (s *InsightsService) collection(userID string, options []InsightListOptions) collection[Insight] {
	return collection[Insight]{
		client: s.client, op: opListInsights, ids: []pathParam{{"userID", userID}}, resource: insightResource, options: listOptionsOf(options), uncounted: true,
		request: bindIDInput(s.client.raw.ListUserInsights, userID, nil),
	}
}

// Get returns an insight as it was computed. Errors: [CodeInvalidContent] if the ID is not a UUID. operationId:
// getInsightById.
func (s *InsightsService) Get(ctx context.Context, userID, insightID string) (*Insight, error) {
	return get(ctx, s.client, opGetInsight, []pathParam{{"userID", userID}, {"insightID", insightID}}, insightResource, bindIDs(s.client.raw.GetInsightByID, userID, insightID))
}

// VerifyAccount compares the number and the type of an account with each account of the user. The Data of the insight
// has an item for each account. Errors: [ErrInvalidInput] if the number is missing, [CodeInvalidContent]. operationId:
// getAccountInsights.
func (s *InsightsService) VerifyAccount(ctx context.Context, userID string, account VerifyAccount) (*Insight, error) {
	if account.AccountNumber == "" {
		return nil, invalidInput(opVerifyAccount.Name, "account.AccountNumber", "missing")
	}
	return s.verify(ctx, opVerifyAccount, userID, bindIDInput(s.client.raw.GetAccountInsights, userID, account))
}

// VerifyBalance reports for each account of the user whether its balance is in a range. The Data of the insight has an
// item for each account; [BalanceMatch] returns its result. Nothing matches if Min is greater than Max. Errors:
// [ErrInvalidInput] if Min is missing or a limit is not a decimal number, [CodeParameterNotValid]. operationId:
// getBalanceInsights.
func (s *InsightsService) VerifyBalance(ctx context.Context, userID string, balance BalanceRange) (*Insight, error) {
	if _, ok := balance.Min.Rat(); !ok {
		return nil, invalidInput(opVerifyBalance.Name, "balance.Min", "not a decimal number")
	}
	if _, ok := balance.Max.Rat(); !ok && balance.Max != "" {
		return nil, invalidInput(opVerifyBalance.Name, "balance.Max", "not a decimal number")
	}
	return s.verify(ctx, opVerifyBalance, userID, bindIDInput(s.client.raw.GetBalanceInsights, userID, gen.VerifyBalance{Balance: balance}))
}

// VerifyIdentity compares a name, a phone number, an email address and a postal address with the institutions' data about
// the user. The Data of the insight has one item, with the results of the fields that are not empty. Errors:
// [ErrInvalidInput] if all fields are empty, [CodeParameterNotValid] if a field is malformed. operationId:
// getIdentityInsights.
func (s *InsightsService) VerifyIdentity(ctx context.Context, userID string, identity VerifyIdentity) (*Insight, error) {
	if identity == (VerifyIdentity{}) {
		return nil, invalidInput(opVerifyIdentity.Name, "identity", "all fields are empty")
	}
	return s.verify(ctx, opVerifyIdentity, userID, bindIDInput(s.client.raw.GetIdentityInsights, userID, identity))
}

// verify makes a call whose response is a new insight of a user.
func (s *InsightsService) verify(ctx context.Context, op *Operation, userID string, request requester) (*Insight, error) {
	resp, err := s.client.do(ctx, op, []pathParam{{"userID", userID}}, request)
	if err != nil {
		return nil, err
	}
	return insightResource.read(resp, "")
}

// maxInsightUsers is the maximum number of users of an insight.
const maxInsightUsers = 10

// Create creates an insight of any type. Preview, outside the stability promise: Basiq has not documented the response,
// so [InsightData] may lack some results. [ContextWithRawJSON] returns all of them.
//
// The Data of the argument is any value that marshals to the JSON object of its type: a [VerifyAccount], a
// [VerifyIdentity], or a map, for example map[string]any{"expense": "1000"}.
//
// Errors: [ErrInvalidInput] if the number of users is 0 or more than 10, if there is more than one for a type other than
// [InsightTypeIDExpenseRatio], or if the Type or the Data is missing. operationId: createInsight.
func (s *InsightsService) Create(ctx context.Context, insight CreateInsight) (*Insight, error) {
	switch {
	case len(insight.Users) == 0:
		return nil, invalidInput(opCreateInsight.Name, "insight.Users", "missing")
	case len(insight.Users) > maxInsightUsers:
		return nil, invalidInput(opCreateInsight.Name, "insight.Users", fmt.Sprintf("more than %d users", maxInsightUsers))
	case insight.Type == "":
		return nil, invalidInput(opCreateInsight.Name, "insight.Type", "missing")
	case len(insight.Users) > 1 && insight.Type != InsightTypeIDExpenseRatio:
		return nil, invalidInput(opCreateInsight.Name, "insight.Users", "only EXPENSE_RATIO_VERIFICATION accepts more than one user")
	case insight.Data == nil:
		return nil, invalidInput(opCreateInsight.Name, "insight.Data", "missing")
	}
	for _, user := range insight.Users {
		if err := checkIDs(opCreateInsight, pathParam{"insight.Users", user}); err != nil {
			return nil, err
		}
	}
	return get(ctx, s.client, opCreateInsight, nil, insightResource, bindInput(s.client.raw.CreateInsight, insight))
}

// Types returns the insight types that [InsightsService.Create] accepts. Preview, outside the stability promise.
// operationId: getInsightTypes.
func (s *InsightsService) Types(ctx context.Context) iter.Seq2[*InsightType, error] {
	return list(ctx, s.client, opInsightTypes, nil, insightTypeResource, s.client.raw.GetInsightTypes, listOptions[InsightType]{})
}

// Type returns an insight type. Preview, outside the stability promise. operationId: getInsightType.
func (s *InsightsService) Type(ctx context.Context, typeID InsightTypeID) (*InsightType, error) {
	return get(ctx, s.client, opInsightType, []pathParam{{"typeID", string(typeID)}}, insightTypeResource, bindID(s.client.raw.GetInsightType, string(typeID)))
}

var insightResource = resource[Insight]{"insight", func(i *Insight) (string, string) { return i.Type, i.ID }}

var insightTypeResource = resource[InsightType]{"", func(t *InsightType) (string, string) { return "", string(t.ID) }}
