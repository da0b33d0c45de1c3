// Package chart draws what a trace recorded, and masks, scores and series of
// numbers: to SVG, PNG, animated GIF, HTML sliders and self-contained pages.
//
// Which chart answers which question:
//
//	How are the Taylor scores spread, and who is active?   ScoreHistogram
//	Where does the score threshold lie over the steps?     Threshold
//	How dense is each layer while it is trained?           Density
//	How much was left of each layer in the end?            Layers
//	Which weights change sides, and which come back?       Flips (numbers), MaskStrip, MaskAnimation (places)
//	Which weights of a kernel are kept?                    Mask
//	Which pixels of an image are used?                     PixelMask
//	Do the passive weights vanish?                         Collapse, CollapseAnimation
//	Is the budget S large enough?                          Shrink, with ShrinkSeries for what a trace measured
//	Did the cut cost accuracy?                             CutAccuracy, with CutOf; LossAccuracy for one run over its steps
//	Is a GSM ticket better than a magnitude ticket?        Tickets
//	Does one quantity foretell another?                    Points
//	Anything else with an x and a y                        Lines, with AccuracySeries for several seeds; Bars
//	Several of them at once                                Beside
//	All of it for one run                                  All, RunPage
//
// Charts are a [Figure] or an [Animation]. In a cell of the kernel both show
// themselves; under GoNB give gonbui what their methods SVG, PNG and HTML return.
//
// The same input gives the same bytes. Colours are those of Okabe and Ito,
// which colour-blind readers can tell apart; axes and text are a mid-tone
// grey on a transparent background, readable on white and on black.
//
// Values of a run that cannot be drawn never stop a chart: NaN and infinities
// leave a gap in a line, and values of zero or less on a logarithmic axis are
// drawn on its lower edge, which the axis label then says. A chart for which a
// run has no data at all is ErrNoData. Masks, scores, cuts and shares that the
// caller computed must be numbers and of fitting lengths; errors say which is not.
package chart
