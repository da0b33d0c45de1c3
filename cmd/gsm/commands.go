// The table of commands: it feeds dispatch, help and completion.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"gsmlab/models"
)

// command is one row of the table that feeds dispatch, help and completion.
type command struct {
	name     string
	args     string // what follows the name in the usage line, flags aside
	about    string // one line
	long     string // what to know before using it
	examples []example
	words    func() []string // completions of the argument, nil if there are none
	folders  bool            // the argument is a folder
	max      int             // the most arguments allowed
	action   func() action
}

// example is a command line and what it does.
type example struct{ line, about string }

// action holds the flags of one call of a command and carries it out.
type action interface {
	flags(fs *flag.FlagSet)
	run(ctx context.Context, std stdio, in input) error
}

// input is a parsed command line.
type input struct {
	args []string        // without flags
	set  map[string]bool // names of the flags that were given
	line string          // as typed, for records
}

// arg is the i-th argument, or "".
func (in input) arg(i int) string {
	if i < len(in.args) {
		return in.args[i]
	}
	return ""
}

// program is how to start commands from a checkout, as in the README.
const program = "go run ./cmd/gsm"

// commands is the table. It is a function because help and completion are rows of it and also show
// it.
func commands() []command {
	return []command{
		{
			name: "prune", args: "[MODEL]", about: "train a network, prune it by GSM while training, cut", max: 1, words: models.Names,
			long: "Trains the dense network, continues with global sparse momentum, and cuts the network to exactly Q weights.\n" +
				"With no MODEL it prunes " + defaultModel + " at 60x. What is missing (XLA plugin, MNIST) is found or downloaded.\n" +
				"Ctrl-C saves a checkpoint; the same command resumes there and ends with the same weights.",
			examples: []example{
				{"prune", "LeNet-300-100 on MNIST, two to three minutes"},
				{"prune mlp-digits", "a first look, in seconds and without any download"},
				{"prune lenet-5 --compress 300 --preset paper --seed 2", "another network, ratio, plan and seed"},
				{"prune lenet-300-100 --compress 68 --base runs/lenet-300-100-60x-quick-seed1", "reuse a trained dense network"},
				{"prune lenet-5 --preset refine", "300x by way of 125x: two runs, the second from the first one's network before its cut"},
				{"prune lenet-5 --preset refine --base runs/lenet-5-125x-paper-seed1/gsm", "prune a pruned network further"},
				{"prune lenet-5 --compress 300 --margin 0.3 --base lenet-5.safetensors", "leave room in Q for weights that are active only now and then"},
				{"prune lenet-5 --dry-run", "show the plan and its budget S, run nothing"},
			},
			action: func() action { return new(pruneAction) },
		},
		{
			name: "ticket", args: "MODEL", about: "retrain winning tickets: GSM against magnitude pruning", max: 1, words: models.Names,
			long: "Prunes like `prune`, then rewinds the surviving weights to their initial values and retrains them with\n" +
				"the mask held: once with the mask that GSM found, and once with that of the dense network's magnitudes.",
			examples: []example{
				{"ticket lenet-300-100", "both tickets at 60x"},
				{"ticket mlp-digits", "the same in seconds"},
			},
			action: func() action { return new(ticketAction) },
		},
		{
			name: "compare", args: "MODEL|--merge DIR...", about: "compare GSM with other pruning methods, over ratios and seeds", max: 1 << 20, words: models.Names,
			long: "Prunes MODEL with each method at each ratio and with each seed: from the same dense network, with the same steps beyond it,\n" +
				"to the same number of weights. It ends in a table and a chart. Each run that ends has its row in the folder at once:\n" +
				"after Ctrl-C, or a kill, the same command goes on there, and with more ratios, methods or seeds it adds them.",
			examples: []example{
				{"compare mlp-digits --compress 10,20", "all methods, in a minute and without any download"},
				{"compare lenet-300-100 --compress 20,60,100 --seeds 1,2,3", "hours on two cores"},
				{"compare lenet-300-100 --methods gsm,l-obs,magnitude-retrain --dry-run", "list the runs, train nothing"},
				{"compare lenet-300-100 --seeds 1,2,3 --shard 2/3 --out part2", "a third of the runs, for one of three machines"},
				{"compare --merge part1 part2 part3 --out all", "one table of what three machines did"},
			},
			action: func() action { return new(compareAction) },
		},
		{
			name: "eval", args: "DIR|FILE.gsm|MODEL", about: "measure the saved weights of a run, or of a file, on the test set", max: 1, folders: true,
			long: "DIR is a run folder of `prune` or `ticket`, and FILE.gsm a network that `pack` wrote.",
			examples: []example{
				{"eval runs/lenet-300-100-60x-quick-seed1", "the pruned network"},
				{"eval runs/lenet-300-100-60x-quick-seed1 --stage base", "the dense network it came from"},
				{"eval resnet-56 --weights resnet56.safetensors", "a network that PyTorch trained"},
				{"eval models/packed/lenet-5-125x.gsm", "a packed network, as it is in the file"},
			},
			action: func() action { return new(evalAction) },
		},
		{
			name: "export", args: "DIR", about: "write weights for PyTorch, as a safetensors file", max: 1, folders: true,
			long: "DIR is a run folder. Names and layouts are PyTorch's. The file can be read again by `eval --weights` and `prune --base`.",
			examples: []example{
				{"export runs/lenet-5-125x-paper-seed1 --masks", "the pruned network with its masks"},
			},
			action: func() action { return new(exportAction) },
		},
		{
			name: "pack", args: "RUN|RUN/STAGE|FILE.safetensors", about: "make a pruned network a file of a few thousand bytes", max: 1, folders: true,
			long: "RUN is a run folder of `prune` or `ticket`; without a STAGE its pruned network is packed. The file holds where the weights are,\n" +
				"their values and the whole network; package infer runs it. The network in it reads pixels between 0 and 1.\n" +
				"It ends in a table: bytes of positions, values, biases and header, against other forms, and the accuracy before and after.",
			examples: []example{
				{"pack runs/lenet-300-100-60x-quick-seed1", "RUN/pruned.gsm"},
				{"pack runs/lenet-5-125x-paper-seed1 --bits 32 -o lenet-5.gsm", "the exact weights"},
				{"pack runs/lenet-300-100-60x-quick-seed1 --as page", "RUN/pruned.html: draw a digit, and the network answers"},
				{"pack runs/lenet-5-125x-paper-seed1 --as onnx -o lenet-5.onnx", "dense with zeros, and lenet-5.compact.onnx"},
				{"pack lenet-300-100-dns.safetensors --model lenet-300-100 --mean 0 --std 1.0039216", "a stranger's network, trained on pixels / 256"},
			},
			action: func() action { return new(packAction) },
		},
		{
			name: "predict", args: "FILE.gsm IMAGE...", about: "say what a packed network sees in images", max: 1 << 20,
			long: "Images are PNG, JPEG or GIF files. They are scaled to the size that the network reads.\n" +
				"Networks of MNIST read digits that are bright on black; of dark ones on a bright ground the negative is taken.",
			examples: []example{{"predict models/packed/lenet-5-125x.gsm seven.png", "the most likely digits"}},
			action:   func() action { return new(predictAction) },
		},
		{
			name: "report", args: "DIR", about: "write an HTML page and all charts of a run", max: 1, folders: true,
			long:     "DIR is a run folder; a run in progress can be reported too. The page needs no network and no other file.",
			examples: []example{{"report runs/lenet-300-100-60x-quick-seed1", "DIR/report.html, an SVG of each chart and an animation (GIF) of the weights beside it"}},
			action:   func() action { return new(reportAction) },
		},
		{
			name: "summary", args: "DIR...", about: "put finished runs in one table: mean, least and deviation over seeds", max: 1 << 20, folders: true,
			long: "DIR are run folders. Runs that differ in nothing but the seed share a row. The last column is how many weights\n" +
				"a step of the GSM stage made active that were passive in the step before, on average.",
			examples: []example{{"summary runs/lenet-300-100-60x-quick-seed*", "what the preset reaches, and whether every seed does"}},
			action:   func() action { return new(summaryAction) },
		},
		{
			name: "bench", about: "compare the time of an SGD step and a GSM step",
			long: "Both optimizers take turns in one process, step by step. Uses MNIST if it is on disk, else random images.",
			examples: []example{
				{"bench --json bench.json", "both LeNets at batch 256"},
				{"bench --models lenet-5 --steps 50", "one of them, quicker"},
				{"bench --models resnet-56,densenet-40 --batch 64 --steps 5 --pytorch", "deep networks, and beside them PyTorch's training of the same"},
				{"bench --deploy models/packed/lenet-300-100-60x.gsm", "a pruned network for inference, here and in other engines"},
				{"bench --deploy net.safetensors --models resnet-56 --engines infer-sparse,onnxruntime", "some of the engines only, since others take minutes for a deep network"},
			},
			action: func() action { return new(benchAction) },
		},
		{
			name: "doctor", about: "say what this machine has, what is missing and how to get it",
			long:     "Installs and downloads nothing.",
			examples: []example{{"doctor", "backend, plugin, devices, data, caches"}},
			action:   func() action { return new(doctorAction) },
		},
		{
			name: "models", about: "list the networks and their presets",
			long:     "Counts are of prunable weights: kernels, without biases.",
			examples: []example{{"models", "all of them"}},
			action:   func() action { return new(modelsAction) },
		},
		{
			name: "completion", args: "bash|zsh|fish", about: "print a completion script for a shell", max: 1, words: shells,
			long: "The script completes the command gsm: install it first with `go install ./cmd/gsm`.",
			examples: []example{
				{"completion bash > ~/.local/share/bash-completion/completions/gsm", "for bash, from the next shell on"},
				{"completion fish > ~/.config/fish/completions/gsm.fish", "for fish"},
			},
			action: func() action { return new(completionAction) },
		},
		{
			name: "version", about: "print the versions of gsm, Go and GoMLX",
			long:     "Quote it when you report a fault.",
			examples: []example{{"version", "one line each"}},
			action:   func() action { return new(versionAction) },
		},
		{
			name: "help", args: "[COMMAND]", about: "explain a command", max: 1, words: commandNames,
			long:     "`gsm COMMAND --help` shows the same.",
			examples: []example{{"help prune", "flags and examples of prune"}},
			action:   func() action { return new(helpAction) },
		},
	}
}

// commandNames lists the commands in the order of the table.
func commandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

// findCommand looks up a command.
func findCommand(name string) (command, error) {
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
	}
	if strings.HasPrefix(name, "-") {
		return command{}, usagef("%s before a command: name the command first: %s", name, strings.Join(commandNames(), ", "))
	}
	return command{}, unknown("command", name, commandNames())
}

// flagSet makes the command's flags.
func (c command) flagSet(a action) *flag.FlagSet {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	a.flags(fs)
	return fs
}

// start parses the arguments after the command's name and runs the command.
func (c command) start(ctx context.Context, std stdio, args []string) error {
	a := c.action()
	fs := c.flagSet(a)
	in, err := parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		return c.writeHelp(std.out)
	}
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", c.name, err)}
	}
	if len(in.args) > c.max {
		return usagef("%s: unexpected argument %q: usage: gsm %s", c.name, in.args[c.max], c.usage())
	}
	in.line = strings.Join(append([]string{"gsm", c.name}, args...), " ")
	return a.run(ctx, std, in)
}

// usage is the command with its arguments.
func (c command) usage() string {
	usage := c.name
	if c.args != "" {
		usage += " " + c.args
	}
	return usage
}
