package basiq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
)

// Statement is a bank statement to upload.
type Statement struct {
	// InstitutionID is the bank, for example "AU01001". The test bank "AU00000" is rejected. Required.
	InstitutionID string
	// Name is the name of a PDF or CSV file, such as "march.pdf". Its directory is not sent. Required.
	Name string
	// Content is the file, which is read while it is sent and never kept in memory. An *os.File, *bytes.Reader,
	// *strings.Reader or *io.SectionReader is sent from the start, and its offset is neither used nor changed. One
	// value can be uploaded by several calls concurrently, and again by a retry. Any other reader is a stream, which
	// can be sent once. A [mime/multipart.File] that the form keeps in memory is a stream too. Content is not closed.
	// If the call ends early, one Read of a stream may still be in progress. Exactly one of Content and Open is
	// required.
	Content io.Reader
	// Open opens the file once for each attempt, so that a stream can be retried. Each reader that it returns is read
	// from its offset and closed exactly once. If Open returns an error, the call fails with an error that wraps it.
	Open func() (io.ReadCloser, error)
	// Size is the number of bytes, if it is known and Content or Open returns a stream. A
	// [mime/multipart.FileHeader], for example, has it. Without Size a stream is sent without a length. A file of another
	// length is an error.
	Size int64
}

// maxStatement is far above the size of any statement. The sum of maxStatement and the length of a form does not
// overflow.
const maxStatement = 1 << 40

// StatementsService uploads bank statements, in place of a connection to a bank.
type StatementsService struct{ client *Client }

// Upload sends a bank statement and returns a reference to the job that reads its accounts and transactions. The job
// usually takes 10 to 30 seconds; follow it with [JobsService.Wait].
//
// Basiq's limit for the size of a file is not documented. The timeout of an upload is ten minutes, or the Timeout of
// the client of [WithHTTPClient]. The context also limits an upload.
//
// The upload is retried only if the request was certainly not carried out and the file can be read again: see
// [Statement.Content] and [Statement.Open]. A stream that cannot be reopened is sent after the server has accepted the
// headers or ExpectContinueTimeout of the transport has passed, so that a rejected token does not consume it.
//
// Errors: [ErrRequestTooLarge], and [ErrBadRequest] with a code such as [CodeInstitutionNotSupported],
// [CodeBankStatementNotSupported], [CodeBankStatementParsingError], [CodeBankStatementNewProduct], [CodeEmptyFile] or
// [CodeRowCountExceeded]. A problem with the content of the file may also fail the job. operationId: createStatement.
func (s *StatementsService) Upload(ctx context.Context, userID string, statement Statement) (*Job, error) {
	op := opCreateStatement
	if err := checkIDs(op, pathParam{"userID", userID}, pathParam{"statement.InstitutionID", statement.InstitutionID}); err != nil {
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
		return nil, invalidInput(op.Name, "statement.Name", "must be the name of a .pdf or .csv file")
	case statement.Size < 0 || statement.Size > maxStatement:
		return nil, invalidInput(op.Name, "statement.Size", fmt.Sprintf("out of range [0, %d]", int64(maxStatement)))
	}
	file, err := newSource(statement)
	if err != nil {
		return nil, invalidInput(op.Name, "statement.Content", err.Error())
	}
	upload, err := newForm([][2]string{{"institutionId", statement.InstitutionID}}, "statement", name, fileType, file)
	if err != nil {
		return nil, invalidInput(op.Name, "statement.Content", err.Error())
	}
	upload.timeout = s.client.config.uploadTimeout
	defer func() { file.panicked.Load().raise() }()
	job, err := s.upload(ctx, userID, upload)
	if failure, ok := errors.AsType[*Error](err); ok && failure.StatusCode == http.StatusExpectationFailed && upload.expect && file.rewindable() {
		upload.expect = false
		return s.upload(ctx, userID, upload)
	}
	return job, err
}

func (s *StatementsService) upload(ctx context.Context, userID string, upload *form) (*Job, error) {
	op := opCreateStatement
	if ctx == nil {
		return nil, invalidInput(op.Name, "ctx", "nil context")
	}
	body, err := upload.body(ctx)
	if err != nil {
		return nil, fmt.Errorf("basiq: %s: not sent: %w", op.Name, err)
	}
	return startJob(ctx, s.client, op, nil, [2]string{userID}, func(ctx context.Context, _ ...gen.RequestEditorFn) (*http.Response, error) {
		return s.client.raw.CreateStatementWithBody(ctx, api.ID(userID), upload.contentType, body, upload.prepare)
	})
}
