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

// content is the data of the page templates.
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
	_ = templates[page].Execute(w, c) // the browser may have disconnected
}

func serveStyle(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "pages/style.css")
}

// start shows the form that creates the user.
func (a *app) start(w http.ResponseWriter, email, problem string) {
	status := http.StatusOK
	if problem != "" {
		status = http.StatusUnprocessableEntity
	}
	show(w, status, "start", content{Title: "See all your accounts in one place", Email: email, Problem: problem})
}

// fail shows an error to the user. It does not show err, which may contain internal details.
func fail(w http.ResponseWriter, err error) {
	status, text := http.StatusBadGateway, "Your bank's data is currently unavailable. Try again in a minute."
	switch {
	case errors.Is(err, basiq.ErrConsentState):
		status, text = http.StatusBadRequest, "This link does not belong to a visit that you started here. Start again from the first page."
	case errors.Is(err, basiq.ErrInvalidInput):
		status, text = http.StatusBadRequest, "This address is invalid. Start again from the first page."
	}
	show(w, status, "problem", content{Title: "That did not work", Problem: text})
}

// home shows the progress of the user's jobs, or the accounts once the jobs are done.
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

// banks returns the user's connections with their accounts.
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

// bankName returns the bank's name, or its ID if the name cannot be retrieved, so that the accounts can still be shown.
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

// money formats an amount for display, such as -$1,234.50. It returns "" for an unknown amount.
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

// stepTexts maps job steps to the names shown on the page.
var stepTexts = map[basiq.JobStepTitle]string{
	basiq.StepVerifyCredentials:    "Log in",
	basiq.StepMFAChallenge:         "Second factor",
	basiq.StepRetrieveAccounts:     "Accounts",
	basiq.StepRetrieveTransactions: "Transactions",
}

var statusTexts = map[basiq.JobStepStatus]string{
	basiq.JobStepStatusPending: "pending", basiq.JobStepStatusInProgress: "in progress", basiq.JobStepStatusSuccess: "done",
	basiq.JobStepStatusFailed: "failed", basiq.JobStepStatusSkipped: "not needed",
}

// jobViews converts jobs for display. The second result reports whether any of them is still running.
func jobViews(jobs []*watchedJob) (views []jobView, running bool) {
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
			v.Failure = "The result is unknown."
		}
		running = running || !f.done
		views = append(views, v)
	}
	return views, running
}
