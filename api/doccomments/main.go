// Doccomments turns the comments that oapi-codegen writes into sentences. The generator joins a name and the description in the
// contract: "Transaction A credit to or debit from an account." becomes "Transaction is a credit to or debit from an account."
//
// Usage: doccomments file.go ...
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func main() {
	for _, file := range os.Args[1:] {
		if err := rewriteFile(file); err != nil {
			fmt.Fprintf(os.Stderr, "doccomments: %v\n", err)
			os.Exit(1)
		}
	}
}

func rewriteFile(file string) error {
	source, err := os.ReadFile(file) //nolint:gosec // The file is an argument of the program.
	if err != nil {
		return err
	}
	if source, err = rewrite(file, describePackage(file, source)); err != nil {
		return err
	}
	return os.WriteFile(file, source, 0o644) //nolint:gosec // Source code is not secret.
}

// packageComment is the comment that the generator writes in each file. packageDoc replaces it in the file of the models.
const (
	packageComment = "// Package gen provides primitives to interact with the openapi HTTP API.\n//\n"
	packageDoc     = "// Package gen contains the types and the client that are generated from openapi.yaml. Package basiq has names for the types\n" +
		"// and methods for the operations. Use this package for what package basiq does not name.\n//\n"
)

// describePackage returns the source with a package comment in the file of the models, and without one in all other files.
func describePackage(file string, source []byte) []byte {
	if strings.HasPrefix(filepath.Base(file), "models.") {
		return bytes.Replace(source, []byte(packageComment), []byte(packageDoc), 1)
	}
	if rest, found := bytes.CutPrefix(source, []byte(packageComment)); found {
		return bytes.Replace(rest, []byte("\npackage gen\n"), []byte("\n\npackage gen\n"), 1)
	}
	return source
}

// rewrite returns the source with rewritten comments. It returns an error for each description that does not make a sentence.
func rewrite(file string, source []byte) ([]byte, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	var errs []error
	copied := 0
	edit := func(doc *ast.CommentGroup, name string, sentence func(name, text string) (string, bool)) {
		if doc == nil {
			return
		}
		text, found := strings.CutPrefix(doc.List[0].Text, "// "+name+" ")
		if first, _ := utf8.DecodeRuneInString(text); !found || unicode.IsLower(first) {
			return // Not a description, or already a sentence.
		}
		replaced, ok := sentence(name, text)
		if !ok {
			errs = append(errs, fmt.Errorf("%s: description does not make a sentence: %s %s", files.Position(doc.Pos()), name, text))
			return
		}
		out.Write(source[copied:files.Position(doc.List[0].Pos()).Offset])
		out.WriteString("// " + replaced)
		copied = files.Position(doc.List[0].End()).Offset
	}
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GenDecl:
			if spec, ok := node.Specs[0].(*ast.TypeSpec); ok && node.Tok == token.TYPE {
				edit(node.Doc, spec.Name.Name, describe)
			}
		case *ast.FuncDecl:
			edit(node.Doc, node.Name.Name, summarize)
			return false
		case *ast.Field:
			if len(node.Names) == 0 {
				return true
			}
			if _, method := node.Type.(*ast.FuncType); method {
				edit(node.Doc, node.Names[0].Name, summarize)
			} else {
				edit(node.Doc, node.Names[0].Name, describe)
			}
		}
		return true
	})
	out.Write(source[copied:])
	return out.Bytes(), errors.Join(errs...)
}

// verbs are verbs that descriptions may start with.
var verbs = []string{"Describes", "Holds", "Identifies", "Reports", "Specifies"}

// describe joins the name of a type or a field and its description.
func describe(name, text string) (string, bool) {
	first, rest, _ := strings.Cut(text, " ")
	switch {
	case first == "A" || first == "An":
		return name + " is " + strings.ToLower(first) + " " + rest, true
	case first == "The" && !plural(head(rest)):
		return name + " is the " + rest, true
	case first == "The" && plural(name):
		return name + " are the " + rest, true
	case first == "The":
		return name + " holds the " + rest, true
	case first == "Always":
		return name + " is always " + rest, true
	case first == "Whether":
		return name + " reports whether " + rest, true
	case slices.Contains(verbs, first):
		return name + " " + strings.ToLower(first) + " " + rest, true
	}
	return "", false
}

// ends are words that follow the noun of a noun phrase.
var ends = []string{
	"about", "and", "are", "as", "at", "before", "between", "by", "for", "from", "has", "have", "if", "in", "is", "of", "on", "or", "over",
	"that", "to", "when", "where", "which", "who", "whose", "with", "without",
}

// head returns the noun of a noun phrase without its article: "account" for "user's account at the bank".
func head(phrase string) string {
	noun := ""
	for word := range strings.FieldsSeq(phrase) {
		if slices.Contains(ends, word) {
			break
		}
		if noun = strings.TrimRight(word, ",;:."); noun != word {
			break
		}
	}
	return noun
}

// plural reports whether a noun is a plural.
func plural(noun string) bool {
	for _, singular := range []string{"ss", "us", "is"} {
		if strings.HasSuffix(noun, singular) {
			return false
		}
	}
	return strings.HasSuffix(noun, "s")
}

// summarize joins the name of a function and its summary, which starts with a verb in the imperative.
func summarize(name, text string) (string, bool) {
	verb, rest, found := strings.Cut(text, " ")
	verb = strings.ToLower(verb)
	switch {
	case !found:
		return "", false
	case strings.HasSuffix(verb, "y"):
		verb = strings.TrimSuffix(verb, "y") + "ies"
	case strings.HasSuffix(verb, "sh"), strings.HasSuffix(verb, "ch"), strings.HasSuffix(verb, "ss"):
		verb += "es"
	default:
		verb += "s"
	}
	return name + " " + verb + " " + rest, true
}
