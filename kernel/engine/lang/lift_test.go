package lang

import (
	"go/ast"
	"go/types"
	"strings"
	"testing"
)

func TestPanicOfTheCheckerIsAnError(t *testing.T) {
	files := []*ast.File{{Name: ast.NewIdent("main"), Decls: []ast.Decl{nil}}}
	err := safeFiles(types.NewChecker(&types.Config{}, nil, types.NewPackage("main", "main"), nil), files)
	if err == nil || !strings.Contains(err.Error(), checkerFailed) {
		t.Errorf("got %v", err)
	}
}
