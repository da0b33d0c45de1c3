// Exercises that check an answer, at the end of each lesson.

package lesson

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
)

// exercise is what is known of a question that a lesson asks.
type exercise struct {
	answer float64
	within float64 // how far from the answer is still right
	right  string  // what to take along
	wrong  string  // where to look
}

// exercises are named like their lessons. The questions, hints and solutions are in the notebooks.
var exercises = map[string]exercise{
	"00-tour":               {3549, 0, "Q is exact: no rounding to a \"about 75x\".", "Divide, and round down."},
	"01-taylor-scoring":     {0.1, 1e-6, "The sign is of no interest: the score says how much, not which way.", "Multiply the weight by its gradient, and drop the sign."},
	"02-momentum":           {15, 0.05, "Above 8, so what is cut has long vanished: e^-15 is 3e-7.", "A step shrinks a passive weight by αη, and momentum makes that 1/(1-β) times stronger."},
	"03-mask-evolution":     {561, 0, "Q never changes: who comes in takes a place that somebody leaves.", "How many weights are active before the step, and how many after it?"},
	"04-winning-tickets":    {74, 1, "So two masks that share thousands of places did not do so by chance.", "Each of the Q places of the random mask lies in the ticket with the probability Q/N."},
	"05-your-own-model":     {800, 0, "gsm.BudgetS tells it before you train.", "S grows by αη/(1-β) in each step."},
	"06-very-deep":          {15, 0.01, "That is the paper's second ResNet-56.", "1/C is the share that stays."},
	"08-rivals":             {0.5, 1e-6, "Large weights can be cheap: it depends on who else knows the input.", "Square the weight, and divide by twice the other number."},
	"07-smaller-and-faster": {8.5, 0.05, "Positions, values, biases and all: a quarter of one dense float32.", "Bytes times eight, over the weights that are left."},
}

// Exercise checks the answer to the question of a lesson and displays what it finds. Zero is no
// answer yet.
func Exercise(name string, answer float64) {
	gonbui.DisplayMarkdown(Must(feedback(name, answer)))
	gonbui.Sync()
}

func feedback(name string, answer float64) (string, error) {
	e, ok := exercises[name]
	switch {
	case !ok:
		return "", fmt.Errorf("lesson.Exercise: there is no exercise %q: %s have one", name, strings.Join(slices.Sorted(maps.Keys(exercises)), ", "))
	case answer == 0:
		return "**Your turn:** put your answer in place of the 0, and run this cell again.", nil
	case math.Abs(answer-e.answer) <= e.within:
		return "**Right.** " + e.right, nil
	}
	return fmt.Sprintf("**Not yet:** %s is not it. %s", cellText(answer), e.wrong), nil
}
