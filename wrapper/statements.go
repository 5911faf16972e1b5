package basiq

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

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
	// Content is the file itself, which is read while it is sent and never kept in memory. An *os.File, *bytes.Reader,
	// *strings.Reader or *io.SectionReader is sent from where it stands to its end, with its length, and again where that is
	// safe. Anything else is a stream, which is sent once; so is a [mime/multipart.File] that the form keeps in memory. It is
	// not closed; when the call ends early, one Read of a stream may still be under way. Required.
	Content io.Reader
	// Size is how many bytes a stream has, where that is known, such as [mime/multipart.FileHeader] tells it. Without it the
	// stream is sent without a length. A Content that turns out shorter or longer fails the call.
	Size int64
}

// maxStatement is far above any statement, and what a length can be added to.
const maxStatement = 1 << 40

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
	name := path.Base(strings.ReplaceAll(statement.Name, `\`, "/"))
	fileType := ""
	switch lower := strings.ToLower(name); {
	case strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name):
	case strings.HasSuffix(lower, ".pdf"):
		fileType = mediaPDF
	case strings.HasSuffix(lower, ".csv"):
		fileType = "text/csv"
	}
	switch {
	case fileType == "":
		return nil, invalidInput(op.Name, "statement.Name", "give the name of a .pdf or .csv file")
	case statement.Size < 0 || statement.Size > maxStatement:
		return nil, invalidInput(op.Name, "statement.Size", fmt.Sprintf("give 0 to %d bytes", int64(maxStatement)))
	}
	file, err := sourceOf(statement.Content, statement.Size)
	if err != nil {
		return nil, invalidInput(op.Name, "statement.Content", err.Error())
	}
	upload, err := newForm([][2]string{{"institutionId", statement.InstitutionID}}, "statement", name, fileType, file)
	if err != nil {
		return nil, invalidInput(op.Name, "statement.Content", err.Error())
	}
	return startJob(ctx, s.client, op, nil, [2]string{userID}, func(ctx context.Context) (*http.Response, error) {
		return s.client.raw.CreateStatementWithBody(ctx, api.ID(userID), upload.contentType, upload.body(ctx, s.client.config.uploadClient.Timeout), upload.prepare)
	})
}
