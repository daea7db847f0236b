// The filter of a look's page: everything, or what failed alone. The markup calls the two functions by these names.
"use strict";

for (const cell of document.querySelectorAll(".hide-succeeded-validation-target-child")) {
  cell.closest("tr").classList.add("has-held");
}
for (const block of document.querySelectorAll(".hide-succeeded-validations-column-section-target-child")) {
  const section = block.closest(".ge-section");
  section.classList.add("has-held");
  document.querySelector(`#navigation a[href="#${section.id}"]`)?.classList.add("has-held");
}

function filter(failedOnly) {
  document.body.classList.toggle("failed-only", failedOnly);
  document.querySelectorAll(".btn-group .btn").forEach((button, place) => {
    button.classList.toggle("active", (place === 1) === failedOnly);
  });
}

function showAllValidations() {
  filter(false);
}

function hideSucceededValidations() {
  filter(true);
}
