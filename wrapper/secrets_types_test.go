package basiq_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/basiq-go/basiq-go/api"
	"github.com/basiq-go/basiq-go/gen"
	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/webhook"
)

const module = "github.com/basiq-go/basiq-go/"

// packages maps the directories of the packages that users import to their import paths.
var packages = map[string]string{
	".": module + "wrapper", "webhook": module + "wrapper/webhook", "basiqtest": module + "wrapper/basiqtest",
	"../api": module + "api", "../gen": module + "gen",
}

// roots are the types where the search for types begins. The search continues with the types of fields, elements, parameters and
// results. Types that it would not reach are listed here too.
var roots = []reflect.Type{
	reflect.TypeFor[*basiq.Client](), reflect.TypeFor[gen.ClientInterface](), reflect.TypeFor[*basiqtest.Sandbox](),
	reflect.TypeFor[*webhook.Verifier](),

	reflect.TypeFor[basiq.CallInfo](), reflect.TypeFor[basiq.Code](), reflect.TypeFor[basiq.DoerFunc](), reflect.TypeFor[basiq.PassThrough](), reflect.TypeFor[basiq.Error](),
	reflect.TypeFor[basiq.TransportError](), reflect.TypeFor[basiq.InputError](), reflect.TypeFor[api.TypeError](), reflect.TypeFor[basiq.JobError](), reflect.TypeFor[basiq.WaitError](),
	reflect.TypeFor[basiq.ThrottledError](), reflect.TypeFor[basiq.PageError](), reflect.TypeFor[basiq.Advice](),
	reflect.TypeFor[basiq.ConsentRedirect](), reflect.TypeOf(basiq.AccountFields), reflect.TypeOf(basiq.ConnectorFields), reflect.TypeOf(basiq.TransactionFields),
	reflect.TypeFor[webhook.Option](), reflect.TypeFor[basiqtest.Option](), reflect.TypeFor[basiqtest.ConnectOption](),

	// Parameters and responses of the raw client, which itself returns HTTP responses.
	reflect.TypeFor[gen.ClientOption](), reflect.TypeFor[gen.CreateStatement](), reflect.TypeFor[gen.ErrorResponse](), reflect.TypeFor[gen.Token](),
	reflect.TypeFor[gen.AffordabilityList](), reflect.TypeFor[gen.AffordabilityTransactionList](), reflect.TypeFor[gen.ConnectionList](),
	reflect.TypeFor[gen.ConnectorList](), reflect.TypeFor[gen.ConsentList](), reflect.TypeFor[gen.EventList](), reflect.TypeFor[gen.EventTypeList](),
	reflect.TypeFor[gen.IdentityList](), reflect.TypeFor[gen.InstitutionList](), reflect.TypeFor[gen.JobList](), reflect.TypeFor[gen.ReportList](),
	reflect.TypeFor[gen.ReportTypeList](), reflect.TypeFor[gen.TransactionList](), reflect.TypeFor[gen.UserList](), reflect.TypeFor[gen.WebhookList](),
	reflect.TypeFor[gen.WebhookMessageList](), reflect.TypeFor[gen.InsightList](), reflect.TypeFor[gen.InsightTypeList](),
	reflect.TypeFor[gen.MerchantList](), reflect.TypeFor[gen.PayeeList](),
}

// secretName matches the names of fields that contain secrets.
var secretName = regexp.MustCompile(`(?i)passw|secret|token|login|security|answer|mfa|apikey|credential|authorization`)

// harmless lists fields with such names that contain no secrets. Fields named Caption are the labels of a bank's login form.
var harmless = map[string]string{
	"gen.ConnectorAuthorizationMeta.ForgottenPasswordURL": "a page of the bank",
	"gen.Institution.ForgottenPasswordURL":                "a page of the bank",
	"gen.InstitutionFeatures.Login":                       "sources of data",
	"gen.InstitutionFeatures.MFAChallenge":                "sources of data",
	"gen.Token.TokenType":                                 "always Bearer",
}

// visible lists fields that are not redacted although they may be sensitive, with the reason.
var visible = map[string]string{
	"basiq.ConsentPage.State":     "created by the caller and visible in the browser's URL",
	"basiq.ConsentRedirect.Query": "the query of the browser's URL, which contains the state",
	"gen.AuthLinkLinks.Public":    "meant to be sent in a message; a person who has the link can consent for the user",
	"gen.CreateWebhook.URL":       "chosen by the caller, who may put a password in it",
}

// onTheWire lists types of request and response bodies that contain an api.WireSecret, because JSON must contain the secret. No
// type declared in package basiq does. fmt redacts the secrets except in unexported fields.
var onTheWire = []string{
	"api.WireSecret", "gen.CreateConnection", "gen.MFAAnswer", "gen.Token", "gen.UpdateConnection", "gen.Webhook", "gen.WebhookList",
}

// sealed lists types with unexported fields that never contain secrets, and what they contain.
var sealed = map[string]string{
	"api.Decimal":             "a number",
	"api.Reference":           "an ID",
	"api.StringOrList":        "the value of a report's filter",
	"api.StringOrObject":      "a value of another JSON kind",
	"basiq.ChoiceField":       "the name of a field",
	"basiq.DateField":         "the name of a field",
	"basiq.EqualField":        "the name of a field",
	"basiq.MatchField":        "the name of a field",
	"basiq.Filter":            "the name and the value of a field",
	"basiq.InputError":        "ErrWrongAPIVersion",
	"basiq.Operation":         "whether it is safe to retry, and API versions",
	"basiq.ThrottledError":    "a status",
	"basiqtest.ConnectOption": "a method",
	"basiqtest.Fault":         "the fault of a test",
	"basiqtest.Injection":     "a Fault, counts and the Sandbox",
	"basiqtest.Sandbox":       "all requests, see TestSecrets_Sandbox",
}

// TestSecrets_Types plants secrets in a value of every exported type and checks that they are not visible when the value is
// printed in any way.
func TestSecrets_Types(t *testing.T) {
	t.Parallel()
	withoutRaceDetector(t)
	types := reachable(roots...)
	names := exportedTypes(t)
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return types[name] != nil })
	require.Empty(t, missing, "types not reachable from roots: add them there")

	p := &planter{made: holders(t)}
	var withSecrets, stateless int
	for _, name := range names {
		typ := types[name]
		if typ.Kind() == reflect.Interface || typ.Kind() == reflect.Func {
			stateless++ // no fields, and fmt prints only an address
			continue
		}
		name := short(typ)
		p.planted, p.unfilled = 0, false
		value := reflect.New(typ)
		p.plant(value.Elem(), name, 0)
		assert.Equal(t, p.unfilled, sealed[name] != "", "%s: must be in either holders or sealed", name)
		if p.planted > 0 {
			withSecrets++
		}
		for _, v := range []any{value.Interface(), value.Elem().Interface()} {
			if slices.Contains(onTheWire, name) {
				require.Positive(t, p.planted, "%s", name)
				assertNoSecrets(t, name, printed(v))
				assert.NotEmpty(t, secretIn(marshaled(v)), "%s: JSON must contain the secret", name)
				continue
			}
			assertNoSecrets(t, name, shown(v))
			assertNoSecrets(t, name+" inside another value", nested(v))
		}
	}
	t.Logf("%d types: %d with secrets planted, %d interfaces and functions", len(names), withSecrets, stateless)
	assert.GreaterOrEqual(t, withSecrets, 35, "too few types with secrets")
}

// Visible fields are listed with a reason, and the list contains only visible fields.
func TestSecrets_VisibleFields(t *testing.T) {
	t.Parallel()
	types := map[string]reflect.Type{}
	for _, typ := range reachable(roots...) {
		types[short(typ)] = typ
	}
	for _, table := range []map[string]string{harmless, visible} {
		for field := range table {
			at := strings.LastIndex(field, ".")
			require.Contains(t, types, field[:at])
			_, there := types[field[:at]].FieldByName(field[at+1:])
			assert.True(t, there, "%s does not exist", field)
		}
	}
	for _, value := range []any{
		basiq.ConsentPage{State: plantedState},
		basiq.ConsentRedirect{Query: url.Values{"state": {plantedState}}},
		gen.AuthLinkLinks{Public: plantedState},
		gen.CreateWebhook{URL: "https://u:" + plantedState + "@h.example/"},
	} {
		assert.NotEmpty(t, secretIn(shown(value)), "%T must show the value", value)
	}
}

// holders returns values with secrets that only their own packages can create.
func holders(t *testing.T) map[reflect.Type]reflect.Value {
	t.Helper()
	// Every response is an error with secrets where errors do not show them, except for tokens and webhooks.
	transport := roundTripper(func(req *http.Request) (*http.Response, error) {
		switch req.URL.Path {
		case "/token":
			return reply(200, plantedTokenJSON), nil
		case "/notifications/webhooks/w1":
			return reply(200, plantedWebhookJSON), nil
		}
		return reply(409, `{"data":[{"code":"invalid-content","detail":"no"}],"echo":"`+plantedKey+`"}`), nil
	})
	client, err := basiq.New(plantedKey, basiq.WithHTTPClient(&http.Client{Transport: transport}), basiq.WithRetry(fastRetry))
	require.NoError(t, err)
	hook, err := client.Webhooks.Get(t.Context(), "w1")
	require.NoError(t, err)
	_, err = client.Users.Get(t.Context(), userID)
	failure, ok := errors.AsType[*basiq.Error](err)
	require.True(t, ok)
	verifier, err := webhook.New(api.NewSecret(plantedSigner))
	require.NoError(t, err)

	made := map[reflect.Type]reflect.Value{}
	for _, holder := range []any{client, client.Raw(), hook, failure, verifier} {
		value := reflect.ValueOf(holder).Elem()
		made[value.Type()] = value
	}
	for _, service := range reflect.ValueOf(client).Elem().Fields() {
		if service.Kind() == reflect.Pointer && service.CanInterface() {
			made[service.Type().Elem()] = service.Elem()
		}
	}
	return made
}

// short returns the name of a type without type arguments.
func short(typ reflect.Type) string {
	name, _, _ := strings.Cut(typ.String(), "[")
	return name
}

// isEnum reports whether a type is an enum of the contract.
func isEnum(typ reflect.Type) bool {
	return typ.Kind() == reflect.String && typ.PkgPath() == module+"gen"
}

// planter fills values with secrets.
type planter struct {
	made map[reflect.Type]reflect.Value
	// planted is the number of planted secrets. unfilled reports whether there are fields that cannot be set.
	planted  int
	unfilled bool
}

// plant fills a value. field is its name, such as basiq.Token.Value, and depth its nesting level.
func (p *planter) plant(value reflect.Value, field string, depth int) {
	typ := value.Type()
	if made, ok := p.made[typ]; ok {
		p.planted++
		value.Set(made)
		return
	}
	if depth > 10 { // some types are recursive
		return
	}
	switch typ {
	case reflect.TypeFor[api.WireSecret]():
		p.planted++
		value.Set(reflect.ValueOf(api.WireSecret{Secret: api.NewSecret(plantedPassword)}))
		return
	case reflect.TypeFor[api.Secret]():
		p.planted++
		value.Set(reflect.ValueOf(api.NewSecret(plantedPassword)))
		return
	case reflect.TypeFor[error]():
		value.Set(reflect.ValueOf(errors.New("it failed")))
		return
	case reflect.TypeFor[time.Time]():
		value.Set(reflect.ValueOf(time.Unix(1e9, 0)))
		return
	}
	name := field[strings.LastIndex(field, ".")+1:]
	secret := secretName.MatchString(name) && harmless[field] == "" && !strings.HasSuffix(name, "Caption") && !isEnum(typ)
	switch typ.Kind() {
	case reflect.String:
		if secret {
			p.planted++
			value.SetString(plantedPassword)
		} else {
			value.SetString("5")
		}
	case reflect.Pointer:
		value.Set(reflect.New(typ.Elem()))
		p.plant(value.Elem(), field, depth+1)
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 && secret {
			p.planted++
			value.SetBytes([]byte(`"` + mark + `"`))
			return
		}
		value.Set(reflect.MakeSlice(typ, 1, 1))
		p.plant(value.Index(0), field, depth+1)
	case reflect.Map:
		key, elem := reflect.New(typ.Key()).Elem(), reflect.New(typ.Elem()).Elem()
		p.plant(key, "", depth+1)
		p.plant(elem, field, depth+1)
		value.Set(reflect.MakeMap(typ))
		value.SetMapIndex(key, elem)
	case reflect.Struct:
		for f, v := range value.Fields() {
			switch {
			case f.IsExported():
				p.plant(v, short(typ)+"."+f.Name, depth+1)
			case depth == 0:
				p.unfilled = true
			}
		}
	default: // numbers, and values that fmt prints as addresses
	}
}

// exportedTypes returns the names of all exported types, with the paths of their packages. It omits aliases, which are names of
// other types in the list.
func exportedTypes(t *testing.T) []string {
	t.Helper()
	var names []string
	for dir, path := range packages {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, decl := range parsed.Decls {
				group, _ := decl.(*ast.GenDecl)
				if group == nil || group.Tok != token.TYPE {
					continue
				}
				for _, spec := range group.Specs {
					spec, _ := spec.(*ast.TypeSpec)
					if spec.Name.IsExported() && !spec.Assign.IsValid() {
						names = append(names, path+"."+spec.Name.Name)
					}
				}
			}
		}
	}
	return names
}

// reachable returns the types that can be reached from roots, by name without type arguments.
func reachable(roots ...reflect.Type) map[string]reflect.Type {
	named, seen := map[string]reflect.Type{}, map[reflect.Type]bool{}
	var visit func(typ reflect.Type)
	visit = func(typ reflect.Type) {
		if seen[typ] || typ.Name() != "" && !strings.HasPrefix(typ.PkgPath(), module) {
			return
		}
		seen[typ] = true
		if typ.Name() != "" {
			base, _, _ := strings.Cut(typ.Name(), "[")
			if name := typ.PkgPath() + "." + base; named[name] == nil {
				named[name] = typ
			}
			if typ.Kind() != reflect.Interface {
				visit(reflect.PointerTo(typ))
			}
		}
		for method := range typ.Methods() {
			visit(method.Type)
		}
		switch typ.Kind() {
		case reflect.Map:
			visit(typ.Key())
			visit(typ.Elem())
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
			visit(typ.Elem())
		case reflect.Struct:
			for field := range typ.Fields() {
				visit(field.Type)
			}
		case reflect.Func:
			for in := range typ.Ins() {
				visit(in)
			}
			for out := range typ.Outs() {
				visit(out)
			}
		default:
		}
	}
	for _, root := range roots {
		visit(root)
	}
	return named
}
