package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// minMessage is the length of the shortest string literal that is checked as a message.
const minMessage = 12

// readGo returns the comments and messages of a Go file.
func readGo(name string, text []byte) ([]Line, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	test := strings.HasSuffix(name, "_test.go")
	exported := map[*ast.CommentGroup]bool{}
	if !test && file.Name.Name != "main" {
		exported = exportedDocs(file)
	}
	var lines []Line
	add := func(pos token.Pos, kind Kind, text string) {
		lines = append(lines, Line{name, set.Position(pos).Line, kind, strings.TrimSpace(text)})
	}
	for _, group := range file.Comments {
		kind := Comment
		if exported[group] {
			kind = Doc
		}
		for _, comment := range group.List {
			if text, ok := strings.CutPrefix(comment.Text, "//"); ok && !strings.HasPrefix(text, "go:") {
				add(comment.Pos(), kind, text)
			}
		}
	}
	for literal, kind := range messages(file, test) {
		text, _ := strconv.Unquote(literal.Value) // the parser has checked it
		if len(text) >= minMessage && strings.Contains(text, " ") && !strings.Contains(text, "\n") {
			add(literal.Pos(), kind, text)
		}
	}
	return lines, nil
}

// exportedDocs returns the documentation of the package and of its exported declarations, fields and methods.
func exportedDocs(file *ast.File) map[*ast.CommentGroup]bool {
	docs := map[*ast.CommentGroup]bool{file.Doc: true}
	names := func(names []*ast.Ident, groups ...*ast.CommentGroup) {
		for _, name := range names {
			for _, group := range groups {
				docs[group] = docs[group] || name.IsExported()
			}
		}
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			names([]*ast.Ident{d.Name}, d.Doc)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names([]*ast.Ident{s.Name}, d.Doc, s.Doc, s.Comment)
					if !s.Name.IsExported() {
						continue
					}
					ast.Inspect(s.Type, func(n ast.Node) bool {
						if field, ok := n.(*ast.Field); ok {
							names(field.Names, field.Doc, field.Comment)
						}
						return true
					})
				case *ast.ValueSpec:
					names(s.Names, d.Doc, s.Doc, s.Comment)
				}
			}
		}
	}
	return docs
}

// assertion matches the functions that report test failures.
var assertion = regexp.MustCompile(`^((assert|require)\.|t\.(Error|Fatal|Log|Skip))`)

// messages returns the string literals of a file that are messages: in tests, the arguments of assertions, otherwise all literals
// except import paths and struct tags.
func messages(file *ast.File, test bool) map[*ast.BasicLit]Kind {
	found := map[*ast.BasicLit]Kind{}
	literals := func(node ast.Node, kind Kind) {
		ast.Inspect(node, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Field:
				if n.Tag != nil {
					return false
				}
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					found[n] = kind
				}
			}
			return true
		})
	}
	if !test {
		literals(file, Message)
		return found
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && assertion.MatchString(types.ExprString(call.Fun)) {
			for _, argument := range call.Args {
				literals(argument, TestMessage)
			}
		}
		return true
	})
	return found
}

// readPage returns the lines of a Markdown page, except code blocks.
func readPage(name string, text []byte) ([]Line, error) {
	code := false
	return pick(name, text, Page, func(line string) string {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if code {
			return ""
		}
		return line
	}), nil
}

var hash = regexp.MustCompile(`(?:^|\s)#+\s(.*)`)

// readConfig returns the comments of a script or a YAML file.
func readConfig(name string, text []byte) ([]Line, error) {
	return pick(name, text, Config, func(line string) string { return append(hash.FindStringSubmatch(line), "", "")[1] }), nil
}

// pick returns the results of from for all lines of a file, except empty ones.
func pick(name string, text []byte, kind Kind, from func(line string) string) (lines []Line) {
	for i, line := range strings.Split(string(text), "\n") {
		if picked := from(line); picked != "" {
			lines = append(lines, Line{name, i + 1, kind, picked})
		}
	}
	return lines
}

// readContract returns the summaries and descriptions in openapi.yaml, except those in examples.
func readContract(name string, text []byte) ([]Line, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	var lines []Line
	var walk func(node *yaml.Node)
	walk = func(node *yaml.Node) {
		if node.Kind != yaml.MappingNode {
			for _, child := range node.Content {
				walk(child)
			}
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i].Value, node.Content[i+1]
			switch {
			case key == "example" || key == "examples":
			case (key == "description" || key == "summary") && value.Kind == yaml.ScalarNode:
				for line := range strings.Lines(value.Value) {
					lines = append(lines, Line{name, value.Line, Contract, strings.TrimSpace(line)})
				}
			default:
				walk(value)
			}
		}
	}
	walk(&document)
	return lines, nil
}
