package main

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mutant is a change to the source.
type mutant struct {
	id       int
	file     string // relative to the package's directory
	line     int
	function string
	change   string
	// alone is the text of the whole file with only this change. It is set for changes to constants, which cannot be switched on
	// at run time.
	alone string
}

// key identifies a mutant as long as its function and the changed code do not change.
func (m *mutant) key() string { return m.file + "\t" + m.function + "\t" + m.change }

// mutation is a package with all its mutants, each behind a switch.
type mutation struct {
	mutants []*mutant
	files   map[string]string // new contents of files by path
}

// switchName is the function that the mutated package calls. Environment variables specify which mutant is on and where to record
// the reached mutants.
const switchName = "mutantIsOn"

const switchSource = `package %s

import (
	"os"
	"strconv"
	"syscall"
)

var mutantNumber, mutantsReached = func() (int, []byte) {
	number, _ := strconv.Atoi(os.Getenv("MUTANT"))
	file, err := os.OpenFile(os.Getenv("MUTANTS_REACHED"), os.O_RDWR, 0)
	if err != nil {
		return number, nil
	}
		// A shared mapping is written even if the program is killed.
	reached, err := syscall.Mmap(int(file.Fd()), 0, %d, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return number, reached
}()

func mutantIsOn(id int) bool {
	if mutantsReached != nil {
		mutantsReached[id] = 1
	}
	return id == mutantNumber
}
`

// swaps maps operators to their replacements, as in gremlins.
var swaps = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.AND: {token.OR}, token.OR: {token.AND}, token.XOR: {token.AND}, token.AND_NOT: {token.AND},
	token.SHL: {token.SHR}, token.SHR: {token.SHL},

	token.ADD_ASSIGN: {token.SUB_ASSIGN, token.ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN, token.ASSIGN},
	token.MUL_ASSIGN: {token.QUO_ASSIGN, token.ASSIGN}, token.QUO_ASSIGN: {token.MUL_ASSIGN, token.ASSIGN},
	token.REM_ASSIGN: {token.ASSIGN},
	token.AND_ASSIGN: {token.OR_ASSIGN, token.ASSIGN}, token.OR_ASSIGN: {token.AND_ASSIGN, token.ASSIGN},
	token.XOR_ASSIGN: {token.AND_ASSIGN, token.ASSIGN}, token.AND_NOT_ASSIGN: {token.AND_ASSIGN, token.ASSIGN},
	token.SHL_ASSIGN: {token.SHR_ASSIGN, token.ASSIGN}, token.SHR_ASSIGN: {token.SHL_ASSIGN, token.ASSIGN},
}

// mutate parses the package in dir and adds its mutants. exported opens the export data of an imported package.
func mutate(dir string, exported func(path string) (io.ReadCloser, error)) (*mutation, error) {
	p := &pkg{set: token.NewFileSet(), info: &types.Info{Types: make(map[ast.Expr]types.TypeAndValue), Defs: make(map[*ast.Ident]types.Object)}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var sources []*source
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path) //nolint:gosec // the directory is named on the command line
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(p.set, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, file)
		sources = append(sources, &source{pkg: p, path: path, text: string(text), file: file, imports: make(map[string]bool)})
	}
	p.importer = importer.ForCompiler(p.set, "gc", exported)
	config := types.Config{Importer: p.importer}
	if p.types, err = config.Check(dir, p.set, p.files, p.info); err != nil {
		return nil, err
	}

	result := &mutation{files: make(map[string]string)}
	p.add = func(m *mutant) int {
		m.id = len(result.mutants) + 1
		result.mutants = append(result.mutants, m)
		return m.id
	}
	for _, s := range sources {
		s.find()
		result.files[s.path] = s.render(0, len(s.text), 0)
	}
	same := make(map[string]int)
	for _, m := range result.mutants {
		if same[m.key()]++; same[m.key()] > 1 {
			m.change += fmt.Sprintf(" (%d)", same[m.key()])
		}
	}
	result.files[filepath.Join(dir, "mutants_switch.go")] = fmt.Sprintf(switchSource, p.types.Name(), len(result.mutants)+1)
	return result, nil
}

// pkg is the package to mutate.
type pkg struct {
	set      *token.FileSet
	files    []*ast.File
	importer types.Importer
	types    *types.Package
	info     *types.Info
	add      func(m *mutant) int
}

// source is a file of the package.
type source struct {
	*pkg
	path, text string
	file       *ast.File
	edits      []edit

	function string
	stack    []ast.Node
	// imports holds the paths of packages that only the mutants need.
	imports map[string]bool
}

// edit replaces a piece of the text. The replacement may contain the results of nested edits, which start at index next.
type edit struct {
	from, to int
	write    func(next int) string
}

// render returns a piece of the text with its edits applied. It ignores edits before first.
func (s *source) render(from, to, first int) string {
	var b strings.Builder
	for i := first; i < len(s.edits); i++ {
		e := s.edits[i]
		if e.from < from || e.to > to {
			continue
		}
		b.WriteString(s.text[from:e.from])
		b.WriteString(e.write(i + 1))
		from = e.to
	}
	b.WriteString(s.text[from:to])
	return b.String()
}

func (s *source) span(n ast.Node) (from, to int) {
	return s.set.Position(n.Pos()).Offset, s.set.Position(n.End()).Offset
}

func (s *source) original(n ast.Node) string {
	from, to := s.span(n)
	return s.text[from:to]
}

func (s *source) edited(n ast.Node, next int) string {
	from, to := s.span(n)
	return s.render(from, to, next)
}

func (s *source) edit(n ast.Node, write func(next int) string) {
	from, to := s.span(n)
	s.edits = append(s.edits, edit{from, to, write})
}

// mutant adds a mutant and returns the condition under which it is on.
func (s *source) mutant(n ast.Node, change string, more ...string) string {
	words := strings.Fields(change)
	m := &mutant{file: filepath.Base(s.path), line: s.set.Position(n.Pos()).Line, function: s.function, change: strings.Join(words, " ")}
	if len(more) > 0 {
		m.alone = more[0]
	}
	return fmt.Sprintf("%s(%d)", switchName, s.add(m))
}

func (s *source) find() {
	_, end := s.span(s.file.Name)
	ast.Inspect(s.file, func(n ast.Node) bool {
		if n == nil {
			s.stack = s.stack[:len(s.stack)-1]
			return true
		}
		s.stack = append(s.stack, n)
		if decl, ok := s.parent(1).(*ast.File); ok && decl != nil {
			s.function = "-"
			if f, ok := n.(*ast.FuncDecl); ok {
				s.function = f.Name.Name
				if f.Recv != nil {
					s.function = strings.Trim(s.original(f.Recv.List[0].Type), "*") + "." + s.function
				}
			}
		}
		switch n := n.(type) {
		case *ast.BinaryExpr:
			s.binary(n)
		case *ast.UnaryExpr:
			s.negative(n)
		case *ast.IncDecStmt:
			s.incDec(n)
		case *ast.AssignStmt:
			s.assign(n)
		case *ast.BranchStmt:
			s.branch(n)
		case *ast.ReturnStmt:
			s.result(n)
		case *ast.ExprStmt, *ast.SendStmt, *ast.DeferStmt, *ast.GoStmt:
			s.statement(n)
		}
		return true
	})
	for path := range s.imports { // on the same line, so that the line numbers do not change
		s.edits = append(s.edits, edit{end, end, func(int) string { return fmt.Sprintf("; import %q", path) }})
	}
	slices.SortStableFunc(s.edits, func(a, b edit) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return b.to - a.to
	})
}

func (s *source) parent(n int) ast.Node {
	if n >= len(s.stack) {
		return nil
	}
	return s.stack[len(s.stack)-1-n]
}

// inList reports whether the current node is a statement in a list of statements, not part of another statement.
func (s *source) inList() bool {
	switch parent := s.parent(1).(type) {
	case *ast.BlockStmt, *ast.CaseClause:
		return true
	case *ast.CommClause:
		return parent.Comm != s.parent(0)
	}
	return false
}

// constant reports whether the current node must be known at compile time.
func (s *source) constant() bool {
	return slices.ContainsFunc(s.stack, func(n ast.Node) bool {
		decl, isDecl := n.(*ast.GenDecl)
		_, isArray := n.(*ast.ArrayType)
		return isArray || isDecl && decl.Tok == token.CONST
	})
}

// typed returns the name of an expression's type if it is a number, or "".
func (s *source) typed(e ast.Expr) string {
	t := types.Default(s.info.Types[e].Type)
	if basic, ok := t.Underlying().(*types.Basic); !ok || basic.Info()&types.IsNumeric == 0 {
		return ""
	}
	return s.name(t)
}

func (s *source) name(t types.Type) string {
	return types.TypeString(t, func(other *types.Package) string {
		if other == s.types {
			return ""
		}
		if !slices.ContainsFunc(s.file.Imports, func(spec *ast.ImportSpec) bool { return spec.Path.Value == strconv.Quote(other.Path()) }) {
			s.imports[other.Path()] = true
		}
		return other.Name()
	})
}

func (s *source) binary(n *ast.BinaryExpr) {
	x, y := s.original(n.X), s.original(n.Y)
	with := func(op token.Token) string { return x + " " + op.String() + " " + y }
	become := swaps[n.Op]
	switch n.Op { //nolint:exhaustive // other operators follow
	case token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL, token.NEQ, token.LAND, token.LOR:
		var changed, on strings.Builder
		for _, op := range become {
			is := s.mutant(n, with(n.Op)+" => "+with(op))
			changed.WriteString(is + " && (" + with(op) + ") || ")
			on.WriteString("!" + is + " && ")
		}
		s.edit(n, func(next int) string {
			return "(" + changed.String() + on.String() + "(" + s.edited(n.X, next) + " " + n.Op.String() + " " + s.edited(n.Y, next) + "))"
		})
		return
	}
	typed := s.typed(n)
	if typed == "" || len(become) == 0 {
		return
	}
	change := with(n.Op) + " => " + with(become[0])
	from, to := s.span(n)
	alone := s.text[:from] + with(become[0]) + s.text[to:]
	if s.constant() || s.info.Types[n].Value != nil {
		if s.compiles(alone) {
			s.mutant(n, change, alone)
		}
		return
	}
	is := s.mutant(n, change)
	s.edit(n, func(next int) string {
		return "func() " + typed + " { if " + is + " { return " + with(become[0]) + " }; return " +
			s.edited(n.X, next) + " " + n.Op.String() + " " + s.edited(n.Y, next) + " }()"
	})
}

func (s *source) negative(n *ast.UnaryExpr) {
	typed := s.typed(n)
	if n.Op != token.SUB || typed == "" || s.constant() {
		return
	}
	is := s.mutant(n, s.original(n)+" => "+s.original(n.X))
	s.edit(n, func(next int) string {
		return "func() " + typed + " { if " + is + " { return " + s.original(n.X) + " }; return -" + s.edited(n.X, next) + " }()"
	})
}

func (s *source) incDec(n *ast.IncDecStmt) {
	op, other := "+", "-"
	if n.Tok == token.DEC {
		op, other = "-", "+"
	}
	x := s.original(n.X)
	is := s.mutant(n, s.original(n)+" => "+x+other+other)
	s.edit(n, func(int) string {
		return x + " = func() " + s.typed(n.X) + " { if " + is + " { return " + x + " " + other + " 1 }; return " + x + " " + op + " 1 }()"
	})
}

func (s *source) assign(n *ast.AssignStmt) {
	if !s.inList() || n.Tok == token.DEFINE {
		return
	}
	if n.Tok == token.ASSIGN {
		s.statement(n)
		return
	}
	x, y := s.original(n.Lhs[0]), s.original(n.Rhs[0])
	var cases strings.Builder
	for _, op := range swaps[n.Tok] {
		if op == token.ASSIGN || s.typed(n.Lhs[0]) != "" { // strings also support +=
			changed := x + " " + op.String() + " " + y
			cases.WriteString("if " + s.mutant(n, s.original(n)+" => "+changed) + " { " + changed + " } else ")
		}
	}
	s.edit(n, func(next int) string { return cases.String() + "{ " + s.edited(n, next) + " }" })
}

func (s *source) branch(n *ast.BranchStmt) {
	other := map[token.Token]string{token.BREAK: "continue", token.CONTINUE: "break"}[n.Tok]
	if other == "" || !s.inList() {
		return
	}
	changed := other
	if n.Label != nil {
		changed += " " + n.Label.Name
	}
	from, to := s.span(n)
	if !s.compiles(s.text[:from] + "if " + switchOff + " { " + changed + " } else { " + s.original(n) + " }" + s.text[to:]) {
		return
	}
	is := s.mutant(n, s.original(n)+" => "+changed)
	s.edit(n, func(int) string { return "if " + is + " { " + changed + " } else { " + s.original(n) + " }" })
}

// switchOff replaces a switch when a file is compiled alone.
const switchOff = "len(\"\") > 0"

// compiles reports whether the package is still valid with another text of this file.
func (s *source) compiles(text string) bool {
	changed, err := parser.ParseFile(s.set, s.path, text, parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	files := slices.DeleteFunc(slices.Clone(s.files), func(file *ast.File) bool { return file == s.file })
	config := types.Config{Importer: s.importer}
	_, err = config.Check(s.types.Path(), s.set, append(files, changed), nil)
	return err == nil
}

// statement omits a statement.
func (s *source) statement(n ast.Node) {
	if !s.inList() {
		return
	}
	switch n := n.(type) {
	case *ast.ExprStmt:
		call, ok := n.X.(*ast.CallExpr)
		if !ok {
			return
		}
		// A function must end with a return statement or a panic.
		if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "panic" {
			return
		}
	case *ast.AssignStmt:
		if x, ok := n.Lhs[0].(*ast.Ident); ok && x.Name == "_" {
			return
		}
	}
	is := s.mutant(n, "leave out: "+shortened(s.original(n)))
	s.edit(n, func(next int) string { return "if !" + is + " { " + s.edited(n, next) + " }" })
}

// shortened shortens statements with several lines, such as function literals, to keep keys short.
func shortened(text string) string {
	first, _, more := strings.Cut(text, "\n")
	if more {
		first += " ..."
	}
	return first
}

// result makes a function return the zero values of its results, or true instead of false if it already returns zero values.
func (s *source) result(n *ast.ReturnStmt) {
	signature := s.signature()
	if len(n.Results) == 0 || signature == nil {
		return
	}
	var zeros, flipped []string
	isZero, flips := true, false
	for i := range signature.Results().Len() {
		zero := s.zero(signature.Results().At(i).Type())
		zeros, flipped = append(zeros, zero), append(flipped, zero)
		if len(n.Results) != signature.Results().Len() || s.original(n.Results[i]) != zero && !empty(n.Results[i]) {
			isZero = false
		} else if zero == "false" {
			flipped[i], flips = "true", true
		}
	}
	changed := strings.Join(zeros, ", ")
	switch {
	case isZero && flips:
		changed = strings.Join(flipped, ", ")
	case isZero:
		return
	}
	is := s.mutant(n, shortened(s.original(n))+" => return "+changed)
	s.edit(n, func(next int) string { return "if " + is + " { return " + changed + " }; " + s.edited(n, next) })
}

// empty reports whether an expression is an empty literal.
func empty(e ast.Expr) bool {
	literal, ok := e.(*ast.CompositeLit)
	return ok && len(literal.Elts) == 0
}

func (s *source) signature() *types.Signature {
	for _, n := range slices.Backward(s.stack) {
		switch n := n.(type) {
		case *ast.FuncLit:
			signature, _ := s.info.Types[n].Type.(*types.Signature)
			return signature
		case *ast.FuncDecl:
			signature, _ := s.info.Defs[n.Name].Type().(*types.Signature)
			return signature
		}
	}
	return nil
}

func (s *source) zero(t types.Type) string {
	if _, ok := types.Unalias(t).(*types.TypeParam); ok {
		return "*new(" + s.name(t) + ")"
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsBoolean != 0:
			return "false"
		case u.Info()&types.IsString != 0:
			return `""`
		case u.Info()&types.IsNumeric != 0:
			return "0"
		}
	case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Signature, *types.Interface:
		return "nil"
	}
	return "*new(" + s.name(t) + ")"
}
