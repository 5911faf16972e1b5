package basiq

// Each list method takes at most one value of its options. The zero value has the defaults.

// listOptions holds the options of any list of T.
type listOptions[T any] struct {
	filter   Filter[T]
	pageSize int
	prefetch bool
	// problem describes invalid options. It is "" if there is none.
	problem string
}

// listOptionsOf returns the options of a call. The call fails if there are several.
func listOptionsOf[T any, O interface{ listOptions() listOptions[T] }](options []O) listOptions[T] {
	switch len(options) {
	case 0:
		return listOptions[T]{}
	case 1:
		return options[0].listOptions()
	}
	return listOptions[T]{problem: "more than one value"}
}

// AccountListOptions configures [AccountsService.List].
type AccountListOptions struct {
	// Filter selects items; see [AccountFields]. The default is all items.
	Filter Filter[Account]
}

func (o AccountListOptions) listOptions() listOptions[Account] {
	return listOptions[Account]{filter: o.Filter}
}

// ConnectionListOptions configures [ConnectionsService.List].
type ConnectionListOptions struct {
	// Filter selects items; see [ConnectionFields]. The default is all items.
	Filter Filter[Connection]
}

func (o ConnectionListOptions) listOptions() listOptions[Connection] {
	return listOptions[Connection]{filter: o.Filter}
}

// ConnectorListOptions configures [ConnectorsService.List].
type ConnectorListOptions struct {
	// Filter selects items; see [ConnectorFields]. The default is all items.
	Filter Filter[Connector]
}

func (o ConnectorListOptions) listOptions() listOptions[Connector] {
	return listOptions[Connector]{filter: o.Filter}
}

// ConsentListOptions configures [ConsentsService.List].
type ConsentListOptions struct {
	// Filter selects items; see [ConsentFields]. The default is all items.
	Filter Filter[Consent]
}

func (o ConsentListOptions) listOptions() listOptions[Consent] {
	return listOptions[Consent]{filter: o.Filter}
}

// InstitutionListOptions configures [InstitutionsService.List].
type InstitutionListOptions struct {
	// Filter selects items; see [InstitutionFields]. The default is all items.
	Filter Filter[Institution]
}

func (o InstitutionListOptions) listOptions() listOptions[Institution] {
	return listOptions[Institution]{filter: o.Filter}
}

// JobListOptions configures [JobsService.List].
type JobListOptions struct {
	// Filter selects items; see [JobFields]. The default is all items.
	Filter Filter[Job]
}

func (o JobListOptions) listOptions() listOptions[Job] {
	return listOptions[Job]{filter: o.Filter}
}

// EventListOptions configures [EventsService.List].
type EventListOptions struct {
	// Filter selects items; see [EventFields]. The default is all items.
	Filter Filter[Event]
	// Prefetch fetches the next page ahead; see [TransactionListOptions].
	Prefetch bool
}

func (o EventListOptions) listOptions() listOptions[Event] {
	return listOptions[Event]{filter: o.Filter, prefetch: o.Prefetch}
}

// TransactionListOptions configures [TransactionsService.List].
type TransactionListOptions struct {
	// Filter selects items; see [TransactionFields]. The default is all items.
	Filter Filter[Transaction]
	// PageSize is the maximum number of items on a page, 1 to [MaxPageSize], which is the default. Larger pages take fewer
	// calls, smaller pages less memory.
	PageSize int
	// Prefetch makes a range fetch the next page while the loop works on the current one. Items, their order and errors stay
	// the same. Methods that return one page ignore it.
	Prefetch bool
}

func (o TransactionListOptions) listOptions() listOptions[Transaction] {
	return listOptions[Transaction]{filter: o.Filter, pageSize: o.PageSize, prefetch: o.Prefetch}
}

// AffordabilityTransactionListOptions configures [AffordabilityService.Transactions].
type AffordabilityTransactionListOptions struct {
	// PageSize is the maximum number of items on a page; see [TransactionListOptions].
	PageSize int
	// Prefetch fetches the next page ahead; see [TransactionListOptions].
	Prefetch bool
}

func (o AffordabilityTransactionListOptions) listOptions() listOptions[AffordabilityTransaction] {
	return listOptions[AffordabilityTransaction]{pageSize: o.PageSize, prefetch: o.Prefetch}
}

// ReportTransactionListOptions configures [ReportsService.Transactions].
type ReportTransactionListOptions struct {
	// Filter selects items; see [ReportTransactionFields]. The default is all items.
	Filter Filter[ReportTransaction]
	// PageSize is the maximum number of items on a page, 1 to [MaxPageSize]. By default none is sent, because the operation
	// has no documented page size.
	PageSize int
	// Prefetch fetches the next page ahead; see [TransactionListOptions].
	Prefetch bool
}

func (o ReportTransactionListOptions) listOptions() listOptions[ReportTransaction] {
	return listOptions[ReportTransaction]{filter: o.Filter, pageSize: o.PageSize, prefetch: o.Prefetch}
}

// WebhookMessageListOptions configures [WebhooksService.Messages].
type WebhookMessageListOptions struct {
	// Filter selects items; see [WebhookMessageFields]. The default is all items.
	Filter Filter[WebhookMessage]
	// PageSize is the maximum number of items on a page; see [TransactionListOptions].
	PageSize int
	// Prefetch fetches the next page ahead; see [TransactionListOptions].
	Prefetch bool
}

func (o WebhookMessageListOptions) listOptions() listOptions[WebhookMessage] {
	return listOptions[WebhookMessage]{filter: o.Filter, pageSize: o.PageSize, prefetch: o.Prefetch}
}

// InsightListOptions configures [InsightsService.List].
type InsightListOptions struct {
	// Filter selects items; see [InsightFields]. The default is all items.
	Filter Filter[Insight]
	// Prefetch fetches the next page ahead; see [TransactionListOptions].
	Prefetch bool
}

func (o InsightListOptions) listOptions() listOptions[Insight] {
	return listOptions[Insight]{filter: o.Filter, prefetch: o.Prefetch}
}

// PayeeListOptions configures [PayeesService.List].
type PayeeListOptions struct {
	// Filter selects items; see [PayeeFields]. The default is all items.
	Filter Filter[Payee]
	// PageSize is the maximum number of items on a page; see [TransactionListOptions].
	PageSize int
	// Prefetch fetches the next page ahead; see [TransactionListOptions].
	Prefetch bool
}

func (o PayeeListOptions) listOptions() listOptions[Payee] {
	return listOptions[Payee]{filter: o.Filter, pageSize: o.PageSize, prefetch: o.Prefetch}
}
