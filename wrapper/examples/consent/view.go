package main

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"strings"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

//go:embed pages
var files embed.FS

var templates = func() map[string]*template.Template {
	set := map[string]*template.Template{}
	layout := template.Must(template.ParseFS(files, "pages/layout.html"))
	for _, name := range []string{"start", "progress", "accounts", "problem"} {
		set[name] = template.Must(template.Must(layout.Clone()).ParseFS(files, "pages/"+name+".html"))
	}
	return set
}()

// content is what the pages show.
type content struct {
	Title          string
	Email, Problem string
	Notice         string
	Jobs           []jobView
	Banks          []bankView
}

type (
	jobView struct {
		Done, Total int
		Steps       []stepView
		Failure     string
	}
	stepView struct{ Text, Status string }
	bankView struct {
		Name, Status string
		Accounts     []accountView
	}
	accountView struct{ Name, Kind, Number, Balance, Available string }
)

func show(w http.ResponseWriter, status int, page string, c content) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = templates[page].Execute(w, c) // the browser may have gone
}

func serveStyle(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "pages/style.css")
}

// start asks for what the user is to be created with.
func (a *app) start(w http.ResponseWriter, email, problem string) {
	status := http.StatusOK
	if problem != "" {
		status = http.StatusUnprocessableEntity
	}
	show(w, status, "start", content{Title: "See all your accounts in one place", Email: email, Problem: problem})
}

// fail says what went wrong, to the user what to do and to nobody else's more.
func fail(w http.ResponseWriter, err error) {
	status, text := http.StatusBadGateway, "Your bank's data is out of reach now. Try again in a minute."
	switch {
	case errors.Is(err, basiq.ErrConsentState):
		status, text = http.StatusBadRequest, "This is not the end of a visit that you began here. Start again from the first page."
	case errors.Is(err, basiq.ErrInvalidInput):
		status, text = http.StatusBadRequest, "This address is not one that the app has made. Start again from the first page."
	}
	show(w, status, "problem", content{Title: "That did not work", Problem: text})
}

// home shows how far the user has come.
func (a *app) home(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	if s == nil {
		a.start(w, "", "")
		return
	}
	a.mu.Lock()
	jobs, running := jobViews(s.jobs)
	notice := s.notice
	s.notice = ""
	a.mu.Unlock()
	if running {
		w.Header().Set("Refresh", "1")
		show(w, http.StatusOK, "progress", content{Title: "Fetching your accounts", Jobs: jobs})
		return
	}
	banks, err := a.banks(r.Context(), s.userID)
	if err != nil {
		fail(w, err)
		return
	}
	show(w, http.StatusOK, "accounts", content{Title: "Your accounts", Notice: notice, Jobs: jobs, Banks: banks})
}

// banks reads all that the user has connected.
func (a *app) banks(ctx context.Context, userID string) ([]bankView, error) {
	var banks []bankView
	for item, err := range a.client.Connections.List(ctx, userID) {
		if err != nil {
			return nil, err
		}
		connection, err := a.client.Connections.Get(ctx, userID, item.ID)
		if err != nil {
			return nil, err
		}
		b := bankView{Name: a.bankName(ctx, connection), Status: string(connection.Status)}
		if connection.Accounts != nil {
			for _, account := range connection.Accounts.Data {
				b.Accounts = append(b.Accounts, newAccountView(&account))
			}
		}
		banks = append(banks, b)
	}
	return banks, nil
}

// bankName returns what the bank is called, or its id when that cannot be found out: the accounts matter more.
func (a *app) bankName(ctx context.Context, connection *basiq.Connection) string {
	connector, err := a.client.Connectors.Get(ctx, connection.Institution.ID, connection.Method)
	if err != nil || connector.Institution.Name == "" {
		return connection.Institution.ID
	}
	return connector.Institution.Name
}

func newAccountView(account *basiq.Account) accountView {
	return accountView{
		Name: basiq.AccountName(account), Number: account.AccountNo, Kind: account.Class.Type,
		Balance: money(account.Balance, account.Currency), Available: money(account.AvailableFunds, account.Currency),
	}
}

// money writes an amount for people, such as -$1,234.50. One that is not known is "".
func money(amount basiq.Amount, currency string) string {
	digits, negative := strings.CutPrefix(string(amount), "-")
	if digits == "" {
		return ""
	}
	whole, cents, _ := strings.Cut(digits, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	text := "$" + whole + "." + cents
	if negative {
		text = "-" + text
	}
	if currency != "AUD" {
		text += " " + currency
	}
	return text
}

// What the steps of a job are called on the page.
var stepTexts = map[basiq.JobStepTitle]string{
	basiq.StepVerifyCredentials:    "Log in",
	basiq.StepMFAChallenge:         "Second factor",
	basiq.StepRetrieveAccounts:     "Accounts",
	basiq.StepRetrieveTransactions: "Transactions",
}

var statusTexts = map[basiq.JobStepStatus]string{
	basiq.JobStepStatusPending: "to come", basiq.JobStepStatusInProgress: "in progress", basiq.JobStepStatusSuccess: "done",
	basiq.JobStepStatusFailed: "failed", basiq.JobStepStatusSkipped: "not needed",
}

// jobViews returns the jobs as the page shows them, and whether one is not over.
func jobViews(jobs []*following) (views []jobView, running bool) {
	for _, f := range jobs {
		var v jobView
		if f.job != nil {
			v.Done, v.Total = f.job.Progress()
			for _, step := range f.job.Steps {
				v.Steps = append(v.Steps, stepView{stepTexts[step.Title], statusTexts[step.Status]})
			}
		}
		if failure, ok := errors.AsType[*basiq.JobError](f.err); ok {
			v.Failure = failure.Detail
		} else if f.err != nil {
			v.Failure = "It is not known what has become of it."
		}
		running = running || !f.over
		views = append(views, v)
	}
	return views, running
}
