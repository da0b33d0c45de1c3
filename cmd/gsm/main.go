// Command gsm prunes networks by Global Sparse Momentum SGD, and shows what happened. `gsm help`
// lists its commands. One table (commands.go) feeds dispatch, help and shell completion.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"gsmlab/models/recipe"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx := interruptible(signals, os.Stderr, os.Exit)
	std := stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	err := advise(run(ctx, std, os.Args[1:]))
	if err != nil {
		fmt.Fprintln(os.Stderr, errorLine(err))
	}
	os.Exit(exitCode(err))
}

// interruptible returns a context that the first signal cancels, so that training can save. The
// second signal ends the process at once.
func interruptible(signals <-chan os.Signal, stderr io.Writer, exit func(int)) context.Context {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		<-signals
		fmt.Fprintln(stderr, "\ngsm: stopping and saving (once more: stop at once)")
		stop()
		<-signals
		exit(exitInterrupted)
	}()
	return ctx
}

// stdio holds the streams that a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // what shells report for a program ended by Ctrl-C
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitCode is the process's exit code for the outcome of run.
func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, recipe.ErrStopped) || errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailed
}

// errorLine is the one line in which an error is shown. Some libraries' errors have several lines
// or end with a stack; the first line says what is wrong.
func errorLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return "gsm: " + strings.TrimPrefix(line, "gsm: ")
}

// run carries out one command line, given without the program's name.
func run(ctx context.Context, std stdio, args []string) error {
	if len(args) == 0 {
		return writeHelp(std.out)
	}
	switch args[0] {
	case "-h", "-help", "--help":
		return writeHelp(std.out)
	case "-version", "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	c, err := findCommand(args[0])
	if err != nil {
		return err
	}
	return c.start(ctx, std, args[1:])
}
