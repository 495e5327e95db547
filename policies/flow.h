/* Where the gradient flow of one example takes its prediction: what infinitely
 * many infinitely small steps of a loss l do, in closed form, so that a large
 * weight never overshoots the label (Karampatziakis & Langford 2011, arXiv
 * 1011.1576; bandits.md, section 2.2).
 *
 * The flow is dq/dh = -eta B l'(q); `reach` = eta B h >= 0 is all that its end
 * depends on, so a weight of a and then of b is a weight of a + b. Each
 * function returns how far q moves, not where to: a small step keeps its
 * digits beside a large q. */
#ifndef POLICIES_FLOW_H
#define POLICIES_FLOW_H

/* l = (q - z)^2 / 2. */
double flow_squared(double q, double z, double reach);

/* l = ln(1 + exp(q)) - z q: q is a log odds and z, on [0,1], the label, which
 * may be soft. */
double flow_logistic(double q, double z, double reach);

/* 1/(1 + exp(-q)) */
double flow_sigmoid(double q);

#endif
