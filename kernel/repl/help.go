package repl

// Help is what --help says about the prompt.
const Help = `At the prompt you type Go: declarations, statements and expressions in any mix. Each input (a cell)
is compiled and keeps its values for the next ones; a last expression is shown.

    x := []float64{1, 2, 3}
    func mean(v []float64) (m float64) { for _, a := range v { m += a / float64(len(v)) }; return }
    mean(x)

  %help              all commands: %who, %time, %load, %save, %reset, ...   %demo: prune a network in seconds
  x?                 what x is, with its documentation (also Shift-Tab, with the cursor on it)
  !ls, !*go get M    a shell command; add a module to the session
  Tab                complete packages, members, fields and variables
  Enter              runs a cell that is complete; an open bracket, or Alt-Enter, gives a new line
  Up, Down           lines of the cell, then earlier cells (Alt-Up, Alt-Down: earlier cells at once)
  Ctrl-R             search earlier inputs
  Ctrl-C             clears the input; stops a running cell and keeps the variables
  Ctrl-C twice, Ctrl-D   leave
  Ctrl-A/E/K/U/W/Y/_/L   line start, line end, cut to the end, to the start, a word; paste, undo, clear screen

Piped input is a script: it runs cell by cell, prints results and stops with exit code 1 at the first
error. All of it is code, so a script that reads standard input finds it empty.

    echo 'fmt.Println(6 * 7)' | kernel

Settings (environment):
  GSM_GRAPHICS       how pictures are drawn: kitty, iterm, sixel, blocks, none; default: the best one found
  GSM_OUTPUT         how much a cell may show, such as 2MB; by default everything
  NO_COLOR=1         no colours
  TERM=dumb, --plain a prompt without editor, colours and pictures
`
