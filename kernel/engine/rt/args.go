package rt

import (
	"flag"
	"os"
	"slices"
)

// setArgs changes os.Args and takes the flags that are about to be defined again out of
// flag.CommandLine. A wrong flag is an error of the cell and does not end the worker.
func setArgs(args, redefined []string) {
	os.Args = append(os.Args[:1:1], args...)
	flags := flag.NewFlagSet(os.Args[0], flag.PanicOnError)
	flag.VisitAll(func(f *flag.Flag) {
		if !slices.Contains(redefined, f.Name) {
			flags.Var(f.Value, f.Name, f.Usage)
			flags.Lookup(f.Name).DefValue = f.DefValue
		}
	})
	flags.Usage = func() { flag.Usage() } // which a cell may have set
	flag.CommandLine = flags
}
