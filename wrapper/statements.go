package basiq

import (
	"context"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/basiq-go/basiq-go/api"
)

// Statement is a bank statement to upload.
type Statement struct {
	// InstitutionID names the bank that the statement is from, for example "AU01001"; the test bank "AU00000" is refused.
	// Required.
	InstitutionID string
	// Name is the file's name, such as "march.pdf" or "march.csv": Basiq reads PDF and CSV. Folders before it are not sent.
	// Required.
	Name string
	// Content is the file itself, which is read while it is sent and never kept in memory. One that can be read again, such
	// as an *os.File or a *bytes.Reader, is sent from where it stands to its end, with its length, and again where that is
	// safe; any other stream is sent once. It is not closed. Required.
	Content io.Reader
}

// StatementsService takes bank statements of users, in place of a connection to their bank.
type StatementsService struct{ client *Client }

// Upload sends a bank statement and starts a job that reads its accounts and transactions, in 10 to 30 seconds as a rule:
// follow it with [JobsService.Wait]. The answer is a reference to the job.
//
// Basiq's limit for the size of a file is not documented. With the default http.Client an upload has ten minutes, with one
// given to [WithHTTPClient] that client's Timeout; the context bounds it as well.
//
// It is sent again only when it certainly did not arrive, and the file can be read again. Errors: [ErrInvalidInput],
// [ErrNotFound] for a user that is not there, [ErrTooLarge], [ErrBadRequest] with one of the codes
// [CodeInstitutionNotSupported], [CodeBankStatementNotSupported], [CodeBankStatementParsingError],
// [CodeBankStatementNewProduct], [CodeEmptyFile], [CodeRowCountExceeded] and others; what is wrong inside the file may
// also fail the job. operationId: createStatement.
func (s *StatementsService) Upload(ctx context.Context, userID string, statement Statement) (*Job, error) {
	op := opCreateStatement
	if err := checkIDs(op, id{"userID", userID}, id{"statement.InstitutionID", statement.InstitutionID}); err != nil {
		return nil, err
	}
	fileType := ""
	switch name := strings.ToLower(statement.Name); {
	case strings.ContainsAny(statement.Name, "\r\n\x00"):
	case strings.HasSuffix(name, ".pdf"):
		fileType = mediaPDF
	case strings.HasSuffix(name, ".csv"):
		fileType = "text/csv"
	}
	switch {
	case fileType == "":
		return nil, invalidInput(op.Name, "statement.Name", "give the name of a .pdf or .csv file")
	case statement.Content == nil:
		return nil, invalidInput(op.Name, "statement.Content", "it is nil; give the file")
	}
	upload, err := newForm([][2]string{{"institutionId", statement.InstitutionID}}, "statement",
		path.Base(strings.ReplaceAll(statement.Name, `\`, "/")), fileType, statement.Content)
	if err != nil {
		return nil, invalidInput(op.Name, "statement.Content", err.Error())
	}
	return receiveJob(ctx, s.client, op, func(ctx context.Context) (*http.Response, error) {
		return s.client.raw.CreateStatementWithBody(ctx, api.ID(userID), upload.contentType, upload.body(),
			func(_ context.Context, req *http.Request) error {
				upload.prepare(req)
				return nil
			})
	})
}
